# SPDX-License-Identifier: Apache-2.0
"""Posts of a forum in Japanese and English, made from a seed: the same seed, the same rows.

Fine, spam and abusive posts share many phrases; moderators have labelled a part of them, and a few
of these labels are mistakes.
"""
import random
from datetime import datetime, timedelta

CLASSES = {"fine": 0.7, "spam": 0.2, "abuse": 0.1}
LABELLED, MISTAKES = 0.7, 0.02
FIRST_DAY = datetime(2027, 1, 25)
ROWS_OF_A_STATEMENT = 500

PHRASES = {
    "ja": {
        "common": ["こんにちは", "{name}さんの投稿を読みました", "昨日の{thing}の件ですが", "ありがとうございます",
                   "写真を{number}枚載せました", "みなさんはどう思いますか", "よろしくお願いします🙏"],
        "fine": ["{thing}の使い方を教えてください", "同じ症状が出て困っています", "再起動したら直りました",
                 "次の集まりは{number}日の予定です", "とても参考になりました", "説明書の{number}ページにあります"],
        "spam": ["今だけ無料で{thing}が当たる", "副業で月{number}万円稼げます", "登録はこちら {url}",
                 "先着{number}名様限定の特別価格", "簡単に儲かる方法を公開中", "友だち追加で現金プレゼント"],
        "abuse": ["お前は本当に馬鹿だな", "二度と来るな", "{name}は消えろ", "頭が悪いのか",
                  "うざい黙れ", "こんな奴は許さない"],
    },
    "en": {
        "common": ["hello everyone", "about the {thing} from yesterday", "thanks, {name}",
                   "I have put {number} photos\tin my album", "what do you think",
                   "see also {url}", "it said: \"C:\\temp\\{number}\""],
        "fine": ["how do I set up the {thing}", "restarting it fixed the problem for me",
                 "the manual explains it on page {number}", "we meet again on the {number}th",
                 "I see the same error since the update", "that was a great help"],
        "spam": ["win a free {thing} today", "earn {number} dollars from home", "click here {url}",
                 "limited offer, only {number} left", "guaranteed profit with no risk",
                 "act now and get cash"],
        "abuse": ["you are such an idiot", "shut up, {name}", "nobody wants you here",
                  "go away and never come back", "what a stupid loser", "you will regret it"],
    },
}
THINGS = {"ja": ["カメラ", "冷蔵庫", "自転車", "プリンター", "ゲーム機", "スマホ"],
          "en": ["camera", "fridge", "bicycle", "printer", "console", "phone"]}
NAMES = {"ja": ["田中", "佐藤", "鈴木", "高橋"], "en": ["anna", "bob", "carol", "dave"]}
TABLE = """CREATE TABLE posts (id BIGINT PRIMARY KEY, author VARCHAR(40) NOT NULL,
body TEXT NOT NULL, label VARCHAR(10), created DATETIME NOT NULL)"""


def body(random_, language, kind):
    own, common = PHRASES[language][kind], PHRASES[language]["common"]
    phrases = random_.sample(own, random_.choice([1, 2, 2, 3])) + \
        random_.sample(common, random_.choice([1, 2, 3]))
    if random_.random() < 0.06:  # as a quotation, or in jest
        phrases.append(random_.choice(PHRASES[language][random_.choice(list(CLASSES))]))
    random_.shuffle(phrases)
    end = {"ja": "。", "en": random_.choice([". ", "! ", "\n"])}[language]
    return end.join(phrases).format(
        name=random_.choice(NAMES[language]), thing=random_.choice(THINGS[language]),
        number=random_.randint(2, 9999), url=f"https://example.com/{random_.randrange(1 << 32):x}")


def make(count, seed=1):
    """(id, author, body, label or None, created) of each post."""
    random_ = random.Random(seed)
    key, created = 0, FIRST_DAY
    for _ in range(count):
        key += random_.randint(1, 3)
        created += timedelta(seconds=random_.randint(1, 60))
        language = random_.choice(list(PHRASES))
        kind = random_.choices(list(CLASSES), CLASSES.values())[0]
        text = body(random_, language, kind)
        label = kind if random_.random() < LABELLED else None
        if label and random_.random() < MISTAKES:
            label = random_.choice([other for other in CLASSES if other != kind])
        author = f"{random_.choice(NAMES[language])}{random_.randrange(300)}"
        yield key, author, text, label, created


def quoted(value):
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    if isinstance(value, datetime):
        return f"'{value:%Y-%m-%d %H:%M:%S}'"
    return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"


def load(database, count, seed=1):
    """Fills the table of a new database."""
    rows = [f"({','.join(map(quoted, row))})" for row in make(count, seed)]
    inserts = [f"INSERT INTO posts VALUES {','.join(rows[i:i + ROWS_OF_A_STATEMENT])}"
               for i in range(0, len(rows), ROWS_OF_A_STATEMENT)]
    database.sql(";\n".join([TABLE, "BEGIN", *inserts, "COMMIT"]))
