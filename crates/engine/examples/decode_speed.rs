//! How much CPU time reading objects takes, compared with decompressing them only.
//!
//! ```text
//! decode_speed [megabytes]               both in this process, in turns; medians
//! decode_speed write <folder> [megabytes]  writes the corpora as files
//! decode_speed read <file>...              reads files and says what was in them, for timing from outside
//! ```
//!
//! Makes its own corpora: three mixes (80 %, 10 % and 0.5 % records of KMS) in objects of 50 KB to 5 MB, and one
//! object of 110 MB. What the engine does with a record is left out.
// A program and not the engine: it reads arguments and files, prints, and stops at the first surprise.
#![allow(clippy::disallowed_methods, clippy::indexing_slicing, clippy::print_stdout, clippy::unwrap_used)]

use flate2::{Compression, Decompress, FlushDecompress, Status, write::GzEncoder};
use kmswatch_engine::settings::Limits;
use kmswatch_engine::trail::Reader;
use std::hint::black_box;
use std::io::Write;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let megabytes = |n: usize| arguments.get(n).and_then(|text| text.parse().ok()).unwrap_or(200);
    match arguments.first().map(String::as_str) {
        Some("write") => {
            for (name, objects) in corpora(megabytes(2)) {
                let folder = std::path::Path::new(&arguments[1]).join(name);
                std::fs::create_dir_all(&folder).unwrap();
                for (n, object) in objects.iter().enumerate() {
                    std::fs::write(folder.join(format!("{n:05}.json.gz")), object).unwrap();
                }
            }
        }
        Some("read") => read_files(&arguments[1..]),
        _ => {
            println!(
                "{:8} {:>8} {:>10} {:>10} {:>8} {:>7} {:>12}",
                "mix", "MB", "inflate ms", "read ms", "MB/s", "ratio", "records/s"
            );
            for (name, objects) in corpora(megabytes(0)) {
                measure(name, &objects);
            }
        }
    }
}

fn corpora(megabytes: usize) -> impl Iterator<Item = (&'static str, Vec<Vec<u8>>)> {
    const USUAL: &[usize] = &[50_000, 400_000, 1_250_000, 5_000_000];
    [("kms", 800, USUAL), ("org", 100, USUAL), ("sparse", 5, USUAL), ("huge", 100, &[110_000_000])]
        .into_iter()
        .map(move |(name, kms_per_mille, sizes)| {
            let mut random = Random(kms_per_mille as u64 + 1);
            let (mut objects, mut bytes) = (Vec::new(), 0);
            while bytes < megabytes * 1_000_000 && (objects.is_empty() || sizes.len() > 1) {
                let object = object(sizes[random.below(sizes.len())], kms_per_mille, &mut random);
                bytes += object.len();
                objects.push(pack(&object));
            }
            (name, objects)
        })
}

fn read_files(files: &[String]) {
    let mut reader = Reader::default();
    let (mut bytes, mut records, mut handed) = (0, 0, 0u64);
    for file in files {
        let report = reader.read(std::fs::File::open(file).unwrap(), &Limits::default(), |record| {
            handed += 1;
            black_box(record.text.len());
        });
        bytes += report.bytes;
        records += report.records;
    }
    println!("{bytes} bytes, {records} records, {handed} handed out, peak {} MB", peak_megabytes());
}

fn measure(name: &str, objects: &[Vec<u8>]) {
    let mut reader = Reader::default();
    let limits = Limits::default();
    let mut out = vec![0; 256 << 10];
    let (mut inflate_times, mut read_times) = (Vec::new(), Vec::new());
    let (mut bytes, mut records, mut handed) = (0, 0, 0u64);
    for _ in 0..7 {
        let start = cpu_seconds();
        bytes = objects.iter().map(|object| inflate(object, &mut out)).sum();
        inflate_times.push(cpu_seconds() - start);
        let start = cpu_seconds();
        records = 0;
        handed = 0;
        for object in objects {
            let report = reader.read(object.as_slice(), &limits, |record| {
                handed += 1;
                black_box(record.text.len());
            });
            assert_eq!(report.problem_count, 0, "{report:?}");
            records += report.records;
        }
        read_times.push(cpu_seconds() - start);
    }
    let (inflate, read) = (median(inflate_times), median(read_times));
    println!(
        "{name:8} {:>8.1} {:>10.1} {:>10.1} {:>8.0} {:>7.3} {:>12.0}   {:.1} % handed out",
        bytes as f64 / 1e6,
        inflate * 1e3,
        read * 1e3,
        bytes as f64 / 1e6 / read,
        read / inflate,
        records as f64 / read,
        100.0 * handed as f64 / records as f64,
    );
}

fn inflate(object: &[u8], out: &mut [u8]) -> usize {
    let mut inflate = Decompress::new_gzip(15);
    let mut bytes = 0;
    loop {
        let (read, written) = (inflate.total_in() as usize, inflate.total_out());
        let status = inflate.decompress(&object[read..], out, FlushDecompress::None).unwrap();
        bytes += (inflate.total_out() - written) as usize;
        black_box(&out);
        if status == Status::StreamEnd {
            return bytes;
        }
    }
}

fn object(size: usize, kms_per_mille: usize, random: &mut Random) -> Vec<u8> {
    let mut text = String::with_capacity(size + 4_000);
    text.push_str("{\"Records\":[");
    while text.len() < size {
        if text.len() > 20 {
            text.push(',');
        }
        record(&mut text, random.below(1000) < kms_per_mille, random);
    }
    text.push_str("]}");
    text.into_bytes()
}

fn record(text: &mut String, kms: bool, random: &mut Random) {
    let user = random.below(40);
    let second = random.below(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let key = random.below(30);
    let account = 111_122_223_333 + random.below(5) as u64;
    let services = ["ec2", "s3", "sts", "iam", "lambda", "logs", "dynamodb", "ssm"];
    let service = if kms { "kms" } else { services[random.below(services.len())] };
    let names = ["Decrypt", "GenerateDataKey", "Encrypt", "DescribeKey"];
    let others =
        ["DescribeInstances", "GetObject", "AssumeRole", "PutItem", "GetParameter", "CreateLogStream"];
    let name = if kms { names[random.below(4)] } else { others[random.below(6)] };
    let (a, b, c) = (random.next(), random.next(), random.next());
    let parameters = if kms {
        format!(
            r#"{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::orders-{key}/2026/{a:x}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:eu-west-1:{account}:key/1b0f5a60-0000-4000-8000-0000000000{key:02}"}}"#
        )
    } else {
        format!(
            r#"{{"bucketName":"orders-{key}","Host":"orders-{key}.s3.eu-west-1.amazonaws.com","key":"2026/{a:x}/part-{c:x}","filter":"{{\"a\":[{key}]}}"}}"#
        )
    };
    let resources = if kms {
        format!(
            r#"[{{"accountId":"{account}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:{account}:key/1b0f5a60-0000-4000-8000-0000000000{key:02}"}}]"#
        )
    } else {
        format!(
            r#"[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::orders-{key}/2026/{a:x}"}},{{"accountId":"{account}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::orders-{key}"}}]"#
        )
    };
    text.push_str(&format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{user:08}:session-{user}","arn":"arn:aws:sts::{account}:assumed-role/service-{user}/session-{user}","accountId":"{account}","accessKeyId":"ASIA{b:X}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{user:08}","arn":"arn:aws:iam::{account}:role/service-{user}","accountId":"{account}","userName":"service-{user}"}},"attributes":{{"creationDate":"2026-05-04T{hour:02}:00:00Z","mfaAuthenticated":"false"}}}},"invokedBy":"AWS Internal"}},"eventTime":"2026-05-04T{hour:02}:{minute:02}:{second:02}Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"10.0.{user}.{key}","userAgent":"aws-sdk-java/2.20.{key} Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.{user}","requestParameters":{parameters},"responseElements":null,"requestID":"{}","eventID":"{}","readOnly":true,"resources":{resources},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}"#,
        uuid(random),
        uuid(random),
    ));
}

fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.next(), random.next());
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a >> 32, a & 0xffff, a >> 16 & 0xfff, b & 0xfff, b >> 16)
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// xorshift64: the same corpus each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// CPU time of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/schedstat") else {
        return 0.0;
    };
    stat.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1000
}
