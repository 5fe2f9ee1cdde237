# SPDX-License-Identifier: Apache-2.0
"""The commands of the binary, and the access log's delivery."""
import gzip
import os
import pathlib
import re
import stat
import subprocess

import pytest
from suiro_server import Server, binary
from waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=60)


def bucket(client, name, region):
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})


@pytest.mark.parametrize("command", ["up", "env", "trace", "usage", "status", "backup", "restore",
                                     "sql", "plan", "apply", "run", "timeline", "rehearse", "draw",
                                     "extract", "version"])
def test_every_command_has_help(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert "--help" in done.stdout


def test_sql_over_files_is_as_its_readme_says(tmp_path):
    readme = (ROOT / "src" / "engine" / "sql" / "README.md").read_text()
    shell, printed = re.search(r"## Try it\n.*?\n\n(.*?)\nprints\n\n(.*?)\n\n\S", readme,
                               re.DOTALL).groups()
    lines = [line.removeprefix("    ") for line in shell.splitlines()]
    script = "\n".join(lines).replace("suiro sql", f"{binary()} sql")
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True,
                          text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [line.removeprefix("    ") for line in printed.splitlines()]


def test_sql_tells_where_a_program_is_wrong(tmp_path):
    (tmp_path / "p.sql").write_text("CREATE STREAM S (A INTEGER);\nCREATE PUMP P AS SELECT 1;\n")
    done = run("sql", str(tmp_path / "p.sql"))
    assert done.returncode == 1
    assert "line 2, column 18: " in done.stderr
    done = run("sql", str(tmp_path / "p.sql"), "--input", "A=nowhere.json")
    assert done.returncode == 1
    assert "--schema A=FILE" in done.stderr


def test_mistakes_are_told(tmp_path):
    done = run("nonsense")
    assert done.returncode == 2 and "'nonsense'" in done.stderr
    assert run("up", "--listen", "here").returncode == 2
    assert run("--version").stdout == run("version").stdout != ""
    done = run("env", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "suiro up --data" in done.stderr
    config = tmp_path / "suiro.toml"
    config.write_text('listen = "127.0.0.1:0"\nregoin = "x"\n')
    done = run("up", "--config", str(config))
    assert done.returncode == 2
    assert "suiro.toml:2:" in done.stderr and "regoin" in done.stderr


def test_a_second_server_on_the_same_data_is_refused(suiro):
    done = run("up", "--data", str(suiro.data), "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert str(suiro.data) in done.stderr


def test_credentials_are_private(suiro):
    mode = os.stat(suiro.data / "credentials").st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_status_usage_and_trace(suiro, name):
    assert "store works" in suiro.run("status").stdout
    assert suiro.run("usage").stdout.startswith("function")
    client = suiro.client("s3")
    bucket(client, name, suiro.env["AWS_DEFAULT_REGION"])
    put = client.put_object(Bucket=name, Key="a", Body=b"1")
    request = put["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert re.search(rf"s3:PutObject arn:aws:s3:::{name}/a  \d+ ms  ok",
                     suiro.run("trace", request).stdout)
    assert name in suiro.run("trace").stdout
    unknown = suiro.run("trace", "nothing", check=False)
    assert unknown.returncode == 1 and "nothing" in unknown.stderr


def test_backup_and_restore(suiro, name, tmp_path):
    client = suiro.client("s3")
    bucket(client, name, suiro.env["AWS_DEFAULT_REGION"])
    client.put_object(Bucket=name, Key="small", Body=b"1")
    large = os.urandom(3_000_000)
    client.put_object(Bucket=name, Key="large", Body=large)
    suiro.run("backup", str(tmp_path / "copy"))
    client.put_object(Bucket=name, Key="later", Body=b"2")
    again = suiro.run("backup", str(tmp_path / "copy"), check=False)
    assert again.returncode == 1 and "not empty" in again.stderr
    restored = Server(tmp_path / "restored")
    restored.directory.mkdir()
    assert run("restore", str(tmp_path / "copy"), "--data", str(restored.data)).returncode == 0
    restored.start()
    try:
        found = restored.client("s3")
        assert found.get_object(Bucket=name, Key="large")["Body"].read() == large
        keys = [o["Key"] for o in found.list_objects_v2(Bucket=name)["Contents"]]
        assert keys == ["large", "small"]
    finally:
        restored.stop()


def test_authentication_can_be_switched_off(own_suiro):
    own_suiro.start("--auth", "off")
    own_suiro.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
    assert own_suiro.client("s3").list_buckets()["Buckets"] == []


def test_access_log_is_delivered(own_suiro):
    own_suiro.start()
    client = own_suiro.client("s3")
    bucket(client, "logs", own_suiro.env["AWS_DEFAULT_REGION"])
    # What an earlier process wrote is delivered at start.
    own_suiro.restart("--access-log-bucket", "logs", "--access-log-prefix", "alb")
    client = own_suiro.client("s3")
    found = until(lambda: client.list_objects_v2(
        Bucket="logs", Prefix="alb/AWSLogs/").get("Contents"), "a file")
    lines = gzip.decompress(
        client.get_object(Bucket="logs", Key=found[0]["Key"])["Body"].read()).decode()
    assert re.match(r"http \S+Z app/suiro/\S+ 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ [\d.]+ [\d.]+ "
                    r"[\d.]+ 200 200 \d+ \d+ \"PUT http://\S+/logs HTTP/1.1\" \"Boto3", lines)
    assert found[0]["Key"].endswith(".log.gz")


def test_data_at_rest_is_encrypted_where_asked(own_suiro):
    own_suiro.start("--encryption")
    client = own_suiro.client("s3")
    bucket(client, "secret-bucket", own_suiro.env["AWS_DEFAULT_REGION"])
    mark = b"a text that nobody else may read"
    reply = client.put_object(Bucket="secret-bucket", Key="k", Body=mark * 20_000)
    assert reply["ServerSideEncryption"] == "AES256"
    own_suiro.stop()
    for path in (own_suiro.data / "store").rglob("*"):
        if path.is_file():
            assert mark not in path.read_bytes(), path
    refused = run("up", "--data", str(own_suiro.data), "--listen", "127.0.0.1:0")
    assert refused.returncode == 1 and "encrypt" in refused.stderr
    own_suiro.start("--encryption")
    body = own_suiro.client("s3").get_object(Bucket="secret-bucket", Key="k")["Body"].read()
    assert body == mark * 20_000


def test_tls(own_suiro, tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    own_suiro.start("--tls-certificate", certificate, "--tls-key", key)
    assert own_suiro.endpoint.startswith("https://")
    client = own_suiro.client("s3", verify=certificate)
    assert client.list_buckets()["Buckets"] == []


def test_a_damaged_log_is_not_passed_over(own_suiro):
    own_suiro.start()
    client = own_suiro.client("s3")
    bucket(client, "damaged", own_suiro.env["AWS_DEFAULT_REGION"])
    for number in range(50):
        client.put_object(Bucket="damaged", Key=f"{number:02}", Body=b"x" * 1000)
    own_suiro.kill9()
    own_suiro.stop()
    log = max((own_suiro.data / "store" / "rocksdb").glob("*.log"), key=os.path.getsize)
    with open(log, "r+b") as file:
        middle = log.stat().st_size // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    done = run("up", "--data", str(own_suiro.data), "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and done.stdout == ""
    assert log.name in done.stderr and "--accept-data-loss" in done.stderr
    own_suiro.start("--accept-data-loss")
    client = own_suiro.client("s3")
    kept = [row["Key"] for row in client.list_objects_v2(Bucket="damaged")["Contents"]]
    assert 5 < len(kept) < 45 and kept == [f"{number:02}" for number in range(len(kept))]
    own_suiro.restart()  # the flag was for one start
    assert len(own_suiro.client("s3").list_objects_v2(Bucket="damaged")["Contents"]) == len(kept)
