//! Many tables and many databases, for measuring.

use anyhow::Result;

use super::Postgres;

/// Tables made in one transaction: each takes locks, of which there are some thousands.
const BATCH: u32 = 250;

/// Rows of each table: enough that nothing is empty.
const ROWS: u32 = 20;

impl Postgres {
    /// Makes so many tables (`t1`, `t2`, …) with two indexes each and some rows, vacuumed.
    pub async fn tables(&self, database: &str, count: u32) -> Result<()> {
        for first in (1..=count).step_by(usize::try_from(BATCH)?) {
            let last = count.min(first + BATCH - 1);
            let sql = format!(
                "DO $$ BEGIN FOR n IN {first}..{last} LOOP
                   EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, note text)', n);
                   EXECUTE format('CREATE INDEX t%s_note ON t%s (note)', n, n);
                   EXECUTE format('INSERT INTO t%s SELECT i, i::text FROM generate_series(1, {ROWS}) AS i', n);
                 END LOOP; END $$"
            );
            self.psql_in(database, &sql).await?;
        }
        self.psql_in(database, "VACUUM ANALYZE").await?;
        Ok(())
    }

    /// Makes so many databases (`d1`, `d2`, …) with so many tables each.
    pub async fn databases(&self, count: u32, tables: u32) -> Result<()> {
        self.psql("CREATE DATABASE d1").await?;
        self.tables("d1", tables).await?;
        let copies = (2..=count).map(|n| format!("CREATE DATABASE d{n} TEMPLATE d1;\n"));
        self.psql(&copies.collect::<String>()).await?;
        Ok(())
    }
}
