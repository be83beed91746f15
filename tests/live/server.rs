//! A stand-in of a service, that answers as a test wants.

use kmswatch_aws::clients::Clients;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Request {
    /// What is asked for, without the part after a question mark.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
    /// Bytes of zero that follow the body.
    pub(crate) zeros: u64,
    /// The length that is announced, if any.
    pub(crate) length: Option<u64>,
}

impl Answer {
    pub(crate) fn new(status: &'static str, kind: &'static str, body: Vec<u8>) -> Answer {
        Answer { status, kind, length: Some(body.len() as u64), body, zeros: 0 }
    }
}

pub(crate) struct Server {
    address: String,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// One request after the other, each on a connection of its own.
    pub(crate) fn new(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let sent: Arc<AtomicU64> = Arc::default();
        let counted = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    // Whoever has heard enough hangs up.
                    let _ = write(&stream, &answer(&request), &counted);
                }
            }
        });
        Server { address, sent }
    }

    /// Clients of it, and of nothing else.
    pub(crate) async fn clients(&self) -> Clients {
        let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.address)
            .region(aws_sdk_s3::config::Region::new("eu-west-1"))
            .credentials_provider(credentials);
        Clients::connect_with(loader).await
    }

    /// Bytes of bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.split('?').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, body })
}

fn write(mut stream: &TcpStream, answer: &Answer, sent: &AtomicU64) -> std::io::Result<()> {
    let Answer { status, kind, body, zeros, length } = answer;
    let length = length.map(|length| format!("content-length: {length}\r\n")).unwrap_or_default();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n{length}\r\n")?;
    stream.write_all(body)?;
    sent.fetch_add(body.len() as u64, Ordering::Relaxed);
    let some = vec![0; 1 << 20];
    let mut left = *zeros;
    while left > 0 {
        let n = left.min(1 << 20);
        stream.write_all(&some[..n as usize])?;
        sent.fetch_add(n, Ordering::Relaxed);
        left -= n;
    }
    Ok(())
}
