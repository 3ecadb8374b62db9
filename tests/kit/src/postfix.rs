//! A real Postfix on loopback: it takes mail for a few mailboxes of `example.org`, and delivers it to files.
//!
//! Postfix needs root to start, because each of its programs runs as another user of the machine.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, Folder, Launch, Program, Server};
use crate::smtp::Mail;
use crate::tls::{Authority, LOOPBACK};
use crate::wait::eventually;

/// The mail server's program.
pub const POSTFIX: Program = Program { names: &["postfix"], install: "apt-get install postfix" };

/// Where its daemons are: Debian's place, and its own default.
const DAEMONS: [&str; 2] = ["/usr/lib/postfix/sbin", "/usr/libexec/postfix"];

/// How long a start may take; it takes some 200 ms.
const START_BOUND: Duration = Duration::from_secs(20);

/// Whose mail is taken.
const MAILBOXES: [&str; 3] = ["oncall", "second", "late"];

/// Who is refused for now, as greylisting does it.
const LATE: &str = "late@example.org";

/// Bytes of a mail that are taken.
const MAIL_BYTES: u32 = 100_000;

/// Folders of its queue, and who may enter them besides Postfix.
const QUEUE: [(&str, u32); 12] = [
    ("active", 0o700),
    ("bounce", 0o700),
    ("corrupt", 0o700),
    ("defer", 0o700),
    ("deferred", 0o700),
    ("flush", 0o700),
    ("hold", 0o700),
    ("incoming", 0o700),
    ("private", 0o700),
    ("saved", 0o700),
    ("trace", 0o700),
    ("public", 0o710),
];

/// A running Postfix.
pub struct Postfix {
    _server: Server,
    port: u16,
    authority_file: PathBuf,
    folder: Folder,
}

impl Postfix {
    /// Starts one that takes mail only by TLS.
    pub async fn start() -> Result<Self> {
        POSTFIX.find()?;
        let daemons = DAEMONS.iter().map(Path::new).find(|folder| folder.join("master").is_file());
        let daemons = daemons.context("Postfix has no `master` where it is looked for")?;
        let folder = Folder::new()?;
        let authority_file = prepare(&folder)?;
        let (port, server) = process::on_free_port(async |port| {
            let configuration = configuration(folder.path(), daemons);
            folder.write("main.cf", configuration)?;
            folder.write("master.cf", services(port))?;
            // in the foreground, and in our process group, so that all of it ends with us
            let launch = Launch::at(&daemons.join("master"), "postfix", &folder);
            let launch = launch.args(["-d", "-c"]).arg(folder.path());
            Ok((port, launch.start(START_BOUND, async || process::accepts(port).await).await?))
        })
        .await?;
        Ok(Self { _server: server, port, authority_file, folder })
    }

    /// Where it listens; its certificate is for `localhost` and `127.0.0.1`.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// A file with the certificate that a client must trust.
    pub fn authority_file(&self) -> &Path {
        &self.authority_file
    }

    /// What is in a mailbox, oldest first.
    pub fn mails(&self, mailbox: &str) -> Result<Vec<Mail>> {
        let inbox = self.folder.path().join("mail").join(mailbox).join("new");
        let mut files = Vec::new();
        if inbox.is_dir() {
            for entry in fs::read_dir(inbox)? {
                let path = entry?.path();
                files.push((path.metadata()?.modified()?, path));
            }
        }
        files.sort();
        files.into_iter().map(|(_, path)| Ok(Mail::delivered(&fs::read(path)?))).collect()
    }

    /// Waits until that many mails are in a mailbox.
    pub async fn wait_for(&self, within: Duration, mailbox: &str, mails: usize) -> Result<Vec<Mail>> {
        let found = eventually(within, "the mails", async || {
            let found = self.mails(mailbox)?;
            if found.len() < mails {
                bail!("{} of {mails} mails are in {mailbox}", found.len());
            }
            Ok(found)
        });
        found.await.with_context(|| format!("Postfix says:\n{}", self.log()))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mail.log")).unwrap_or_default()
    }
}

/// Makes the folders as Postfix wants to find them; gives the file with the authority.
fn prepare(folder: &Folder) -> Result<PathBuf> {
    let path = folder.path();
    let (user, group) = (id("/etc/passwd", "postfix")?, id("/etc/group", "postdrop")?);
    let own = |name: &str, mode: u32, user: u32, group: Option<u32>| -> Result<()> {
        let made = path.join(name);
        fs::create_dir_all(&made)?;
        chown(&made, Some(user), group).context("Postfix starts only when the tests run as root")?;
        Ok(fs::set_permissions(&made, Permissions::from_mode(mode))?)
    };
    // its programs are other users, and must come through
    fs::set_permissions(path, Permissions::from_mode(0o711))?;
    own("data", 0o700, user, None)?;
    for (name, mode) in QUEUE {
        own(&format!("queue/{name}"), mode, user, (mode != 0o700).then_some(group))?;
    }
    own("queue/maildrop", 0o730, user, Some(group))?;
    fs::create_dir_all(path.join("queue/pid"))?;
    own("mail", 0o700, NOBODY, Some(NOBODY))?;
    let authority = Authority::new()?;
    let identity = authority.server(&LOOPBACK)?;
    folder.write("server.pem", format!("{}{}", identity.key_pem, identity.certificate_pem))?;
    let mailboxes = MAILBOXES.map(|name| format!("{name}@example.org {name}/\n"));
    folder.write("mailboxes", mailboxes.concat())?;
    folder.write("late", format!("{LATE} 451 4.7.1 greylisted, try again later\n"))?;
    folder.write("authority.pem", authority.pem())
}

/// The number of a user or a group.
fn id(file: &str, name: &str) -> Result<u32> {
    let text = fs::read_to_string(file)?;
    let found = text.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1)?.parse().ok()).flatten()
    });
    found.with_context(|| format!("{file} has no `{name}`; hint: {}", POSTFIX.install))
}

/// The user whose files the mails are.
const NOBODY: u32 = 65_534;

fn configuration(folder: &Path, daemons: &Path) -> String {
    let (folder, daemons) = (folder.display(), daemons.display());
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.watchfire.test
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder}/server.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/late
message_size_limit = {MAIL_BYTES}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
default_transport = error:nothing leaves this machine
"
    )
}

/// Its programs. None may be in a chroot, which would lack what they need.
fn services(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_and_knows_its_users() {
        let postfix = Postfix::start().await.unwrap();
        assert_eq!(postfix.mails("oncall").unwrap().len(), 0);
        assert!(postfix.authority_file().is_file());
        assert!(id("/etc/passwd", "nobody-of-this-name").is_err());
        eventually(START_BOUND, "a log", async || {
            postfix.log().contains("daemon started").then_some(()).context(postfix.log())
        })
        .await
        .unwrap();
    }
}
