# SPDX-License-Identifier: Apache-2.0
"""`suiro extract` from Debian's MariaDB and PostgreSQL, as files and into the lake."""
import csv
import hashlib
import json
import pathlib
import subprocess
import sys
import threading

import boto3
import pytest

from suiro_server import binary

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "blueprints" / "lib"))
from databases import MariaDb, Postgres  # noqa: E402

ROWS = 5000
TABLE = """
CREATE TABLE posts (id BIGINT PRIMARY KEY, author VARCHAR(40), body TEXT, score DECIMAL(20,4));
"""
MARIADB_ROWS = f"""
INSERT INTO posts SELECT 3*seq, IF(seq%5=0, NULL, CONCAT('u', seq%97)),
CONCAT('tab\\t', seq, '\\nback\\\\slash "ü"'), seq/7 FROM seq_1_to_{ROWS};
"""
POSTGRES_ROWS = f"""
INSERT INTO posts SELECT 3*n, CASE WHEN n%5=0 THEN NULL ELSE 'u' || n%97 END,
E'tab\\t' || n || E'\\nback\\\\slash "ü"', round(n/7.0, 4) FROM generate_series(1, {ROWS}) n;
"""


def _expected():
    for n in range(1, ROWS + 1):
        yield (3 * n, None if n % 5 == 0 else f"u{n % 97}", f'tab\t{n}\nback\\slash "ü"')


@pytest.fixture(scope="module", params=[MariaDb, Postgres], ids=["mariadb", "postgres"])
def database(request, tmp_path_factory):
    if request.param.missing():
        pytest.skip(f"Debian's package {request.param.missing()} is not installed")
    directory = tmp_path_factory.mktemp("database")
    # PostgreSQL's own user must reach its directory.
    for parent in [directory, *directory.parents][:3]:
        parent.chmod(0o755)
    server = request.param(directory / "db").start()
    server.sql(TABLE + (MARIADB_ROWS if request.param is MariaDb else POSTGRES_ROWS))
    yield server
    server.stop()


def _extract(*arguments):
    return subprocess.run([binary(), "extract", *map(str, arguments)], capture_output=True,
                          text=True, timeout=120)


def _tsv(text):
    """Rows of the escaped form; None for NULL."""
    def field(raw):
        if raw == "\\N":
            return None
        out, at = [], 0
        while at < len(raw):
            if raw[at] == "\\":
                out.append({"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[raw[at + 1]])
                at += 2
            else:
                out.append(raw[at])
                at += 1
        return "".join(out)
    return [[field(raw) for raw in line.split("\t")] for line in text.split("\n")[:-1]]


def test_parts_hold_the_table_in_order(database, tmp_path):
    done = _extract(database.url, "--table", "posts", "--to", f"{tmp_path}/out/", "--connections",
                    3, "--no-header")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["rows"] == ROWS and len(manifest["parts"]) == 12
    assert manifest["columns"] == ["id", "author", "body", "score"]
    rows = []
    for part in manifest["parts"]:
        raw = (tmp_path / "out" / part["name"]).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == part["sha256"] and len(raw) == part["bytes"]
        found = _tsv(raw.decode())
        assert len(found) == part["rows"]
        rows += found
    assert [(int(row[0]), row[1], row[2]) for row in rows] == list(_expected())


def test_a_manifest_tells_of_the_parts_beside_it(database, tmp_path):
    arguments = (database.url, "--to", f"{tmp_path}/out/")
    assert _extract(*arguments, "--table", "posts").returncode == 0
    assert (tmp_path / "out" / "manifest.json").exists()
    assert _extract(*arguments, "--query", "SELECT nonsense").returncode != 0
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_formats_tell_the_same(database, tmp_path):
    for form in ("csv", "jsonl"):
        done = _extract(database.url, "--table", "posts", "--to", tmp_path / f"one.{form}",
                        "--format", form, "--connections", 2)
        assert done.returncode == 0, done.stderr
    with open(tmp_path / "one.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["id"]), row["author"] or None, row["body"]) for row in rows] == \
        list(_expected())
    with open(tmp_path / "one.jsonl", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    assert [(d["id"], d["author"], d["body"]) for d in documents] == list(_expected())
    assert [f"{d['score']:.4f}" for d in documents] == [row["score"] for row in rows]


def test_all_connections_see_one_state(database, tmp_path):
    """A writer moves an amount between two rows far apart, all the time: the sum never changes."""
    database.sql("CREATE TABLE accounts (id INT PRIMARY KEY, amount INT);"
                 "INSERT INTO accounts VALUES " + ",".join(f"({n}, 100)" for n in range(1, 401)))
    stop = threading.Event()

    def move():
        while not stop.is_set():
            database.sql("BEGIN; UPDATE accounts SET amount = amount - 1 WHERE id = 1;"
                         "UPDATE accounts SET amount = amount + 1 WHERE id = 400; COMMIT;")

    writer = threading.Thread(target=move)
    writer.start()
    try:
        for attempt in range(5):
            done = _extract(database.url, "--table", "accounts", "--to",
                            tmp_path / f"a{attempt}.csv", "--format", "csv", "--connections", 4)
            assert done.returncode == 0, done.stderr
            with open(tmp_path / f"a{attempt}.csv", encoding="utf-8") as file:
                assert sum(int(row["amount"]) for row in csv.DictReader(file)) == 40_000
    finally:
        stop.set()
        writer.join()
    database.sql("DROP TABLE accounts")


def test_into_the_lake(database, suiro, name):
    s3 = suiro.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    done = _extract(database.url, "--table", "posts", "--columns", "id,author", "--where",
                    "id > 30", "--to", f"s3://{name}/day=1/ü x/", "--data", suiro.data)
    assert done.returncode == 0, done.stderr
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=name)["Contents"]]
    assert "day=1/ü x/manifest.json" in keys and len(keys) == 17
    text = "".join(s3.get_object(Bucket=name, Key=key)["Body"].read().decode()
                   for key in keys if key.endswith(".tsv"))
    rows = [row for row in _tsv(text) if row != ["id", "author"]]
    assert [(int(row[0]), row[1]) for row in rows] == [row[:2] for row in _expected()][10:]

    done = _extract(database.url, "--query", "SELECT count(*) AS n FROM posts", "--to",
                    f"s3://{name}/count.csv", "--format", "csv", "--data", suiro.data)
    assert done.returncode == 0, done.stderr
    assert s3.get_object(Bucket=name, Key="count.csv")["Body"].read() == b"n\n%d\n" % ROWS


def test_with_temporary_keys_of_the_environment(database, suiro, name):
    """As a container of a task has them: endpoint, region and temporary keys, no data directory."""
    s3, iam = suiro.client("s3"), suiro.client("iam")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={
        "LocationConstraint": suiro.env["AWS_DEFAULT_REGION"]})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="write", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject",
                                                "Resource": f"arn:aws:s3:::{name}/in/*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    sts = boto3.client("sts", endpoint_url=suiro.endpoint, region_name=suiro.env["AWS_REGION"],
                       aws_access_key_id=key["AccessKeyId"],
                       aws_secret_access_key=key["SecretAccessKey"])
    keys = sts.get_session_token()["Credentials"]
    environment = {"AWS_ENDPOINT_URL": suiro.endpoint, "AWS_REGION": suiro.env["AWS_REGION"],
                   "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
                   "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                   "AWS_SESSION_TOKEN": keys["SessionToken"]}

    def extract(to, **more):
        return subprocess.run([binary(), "extract", database.url, "--table", "posts", "--to",
                               f"s3://{name}/{to}"], capture_output=True, text=True, timeout=120,
                              env={**environment, **more})

    done = extract("in/ü x/")
    assert done.returncode == 0, done.stderr
    manifest = json.loads(s3.get_object(Bucket=name, Key="in/ü x/manifest.json")["Body"].read())
    assert manifest["rows"] == ROWS
    done = extract("out/")
    assert done.returncode != 0 and "AccessDenied" in done.stderr, done.stderr
    done = extract("in/", AWS_SESSION_TOKEN="nonsense")
    assert done.returncode != 0 and "InvalidToken" in done.stderr, done.stderr
    # A data directory that is named wins over the environment.
    done = subprocess.run([binary(), "status", "--data", "/nowhere"], capture_output=True,
                          text=True, timeout=60, env={**environment})
    assert done.returncode != 0 and "/nowhere" in done.stderr


def test_refusals_are_clear_and_leave_nothing(database, suiro, tmp_path):
    for arguments, text in (
            (["--table", "nope", "--to", tmp_path / "x"], "there is no table nope"),
            (["--query", "SELECT nonsense", "--to", tmp_path / "x"], "the database says"),
            (["--to", tmp_path / "x"], "--table or --query"),
            (["--table", "posts", "--to", "s3://bucket"], "s3://BUCKET/KEY"),
            (["--table", "posts", "--to", "s3://no-such-bucket-here/k", "--data", suiro.data],
             "suiro: NoSuchBucket: The specified bucket does not exist (/no-such-bucket-here/")):
        done = _extract(database.url, *arguments)
        assert done.returncode != 0 and text in done.stderr, (arguments, done.stderr)
    assert list(tmp_path.iterdir()) == []
    wrong = database.url.replace("/shop", "/nowhere")
    done = _extract(wrong, "--table", "posts", "--to", tmp_path / "x")
    assert done.returncode != 0 and "nowhere" in done.stderr
