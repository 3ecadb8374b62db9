use kit::{
    http::Client,
    inbox::Inbox,
    slack::{BOT_TOKEN, Slack},
    smtp::Smtp,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
async fn call(slack: &Slack, m: &str, b: Value) -> Value {
    let r = Client::new()
        .header("authorization", &format!("Bearer {BOT_TOKEN}"))
        .post(&(slack.api_url() + m), "application/json; charset=utf-8", b.to_string())
        .await
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(r["ok"], true, "{r}");
    r
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let slack = Arc::new(Slack::start().await.unwrap());
    let smtp = Arc::new(Smtp::builder().plain().start().await.unwrap());
    let inbox = Inbox::start(slack.clone(), smtp.clone(), "127.0.0.1:18099".parse().unwrap()).await.unwrap();
    println!("{}", inbox.url());
    let b = |head: &str, t: &str| json!([{"type":"header","text":{"type":"plain_text","text":head}},{"type":"section","text":{"type":"mrkdwn","text":t},"fields":[{"type":"mrkdwn","text":"*Severity*\npage"},{"type":"mrkdwn","text":"*Instance*\n127.0.0.1:6379"},{"type":"mrkdwn","text":"*Since*\n12:04:10"},{"type":"mrkdwn","text":"*Team*\nplatform"}]},{"type":"context","elements":[{"type":"mrkdwn","text":"receiver `ops` · group `RedisDown` · <https://example.com|Alertmanager>"}]},{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Runbook"},"url":"https://example.com/r"},{"type":"button","text":{"type":"plain_text","text":"Silence"},"url":"https://example.com/s"}]}]);
    let p=call(&slack,"chat.postMessage",json!({"channel":"#alerts","text":"firing","attachments":[{"color":"#d92d20","blocks":b(":fire: RedisDown (1 firing)","*Redis at 127.0.0.1:6379 does not answer.*\nThe exporter has had `redis_up 0` for 30 s. See <https://example.com/book|the runbook>.")}]})).await;
    call(&slack,"chat.postMessage",json!({"channel":"#alerts","thread_ts":p["ts"],"text":":fire: *firing*: `RedisDown` on 127.0.0.1:6379"})).await;
    call(&slack,"chat.update",json!({"channel":p["channel"],"ts":p["ts"],"text":"resolved","attachments":[{"color":"#2eb67d","blocks":b(":white_check_mark: RedisDown (resolved)","*Redis at 127.0.0.1:6379 answers again.*\nIt was away for 1 min 40 s.")}]})).await;
    call(
        &slack,
        "chat.postMessage",
        json!({"channel":"#alerts","thread_ts":p["ts"],"text":":white_check_mark: *resolved* after 1m40s"}),
    )
    .await;
    call(&slack,"chat.postMessage",json!({"channel":"#alerts","text":"firing","attachments":[{"color":"danger","title":"[FIRING:1] DiskFull","title_link":"https://example.com","text":"*Alert:* disk is full on <https://x.y|db-1>\n> quoted\n```\ndf -h\n/dev/sda 100%\n```","fields":[{"title":"host","value":"db-1"},{"title":"mount","value":"/var"}],"footer":"alertrouter"}]})).await;
    call(&slack,"chat.postMessage",json!({"channel":"#alerts","text":"watch out","attachments":[{"color":"warning","text":":warning: CertificateExpiresSoon in 6 days"}]})).await;
    let mut s = tokio::net::TcpStream::connect(smtp.address()).await.unwrap();
    for (i, st) in ["FIRING:1", "RESOLVED"].iter().enumerate() {
        let m = format!(
            "EHLO me\r\nMAIL FROM:<watchfire@example.com>\r\nRCPT TO:<ops@example.com>\r\nDATA\r\nFrom: Watchfire <watchfire@example.com>\r\nTo: ops@example.com\r\nDate: Tue, 01 Oct 2024 10:00:0{i} +0000\r\nMessage-ID: <{i}@x>\r\nMIME-Version: 1.0\r\nSubject: [{st}] RedisDown\r\nContent-Type: multipart/alternative; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nRedis at 127.0.0.1:6379 does not answer.\r\n\r\n  severity: page\r\n  since:    12:04:10\r\n\r\nRunbook: https://example.com/r\r\n--b1\r\nContent-Type: text/html\r\n\r\n<h1>Redis down</h1><script>alert(1)</script><img src=http://x.y/z.png>\r\n--b1--\r\n.\r\n"
        );
        s.write_all(m.as_bytes()).await.unwrap();
        smtp.wait_for(std::time::Duration::from_secs(5), |p| (p.mails.len() > i).then_some(()))
            .await
            .unwrap();
    }
    let mut b = [0; 10];
    let _ = s.read(&mut b).await;
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
}
