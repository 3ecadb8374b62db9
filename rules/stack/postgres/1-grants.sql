-- Run as a superuser, or as the administrator that a managed service gives you.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'postgres_exporter') THEN
    CREATE ROLE "postgres_exporter" LOGIN CONNECTION LIMIT 6;
  END IF;
END $$;
-- Set its password without writing it down here: \password "postgres_exporter"
GRANT pg_monitor TO "postgres_exporter"; -- archive, wal
GRANT pg_read_all_stats TO "postgres_exporter"; -- blocking, replication_stages, replication_standby, stat_activity, stat_progress_vacuum, stat_replication, stat_statements, stat_statements_depth, wait_events, xmin_horizon
CREATE EXTENSION IF NOT EXISTS "pg_stat_statements"; -- stat_statements, stat_statements_depth
-- In each database that PUBLIC may not enter:
-- GRANT CONNECT ON DATABASE "…" TO "postgres_exporter";
