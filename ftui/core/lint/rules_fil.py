"""FIL: is it a data file at all? Found before a single row is parsed."""

from __future__ import annotations

from ftui.core.lint.model import Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "FIL001", "file-not-found", E, "The file is not there.",
        "No file has this name, or a link points to one that is gone. Nothing else can be checked. The nearest name"
        " in the same folder is shown when there is one.",
        "ftui lint trian.jsonl", "ftui lint train.jsonl", cost="bytes",
    ),
    Rule(
        "FIL002", "no-rows", E, "The file is empty, or holds no row.",
        "A run on zero rows ends at once or fails late, after the model was loaded. Files become empty when a"
        " download or an export was interrupted, and a Parquet file can be valid and still have no rows.",
        "(0 bytes)", '{"prompt": "2+2?", "completion": "4"}', cost="bytes",
    ),
    Rule(
        "FIL003", "only-blank-lines", E, "The file holds nothing but blank lines.",
        "It looks like a file with content in a listing, but no row can be read from it.",
        "\\n\\n\\n", '{"text": "a row"}', cost="bytes",
    ),
    Rule(
        "FIL004", "content-disagrees-with-name", E, "The content is not what the file's name says.",
        "Most loaders choose the parser by the extension, so a gzip file named .jsonl, or JSON Lines named .parquet,"
        " fails later with a message that does not mention the cause. ftui decides by content and reads the file"
        " where it can: then this is a warning, or an info when the extension says nothing (.txt). Zip archives,"
        " workbooks and other formats are not read.",
        "train.jsonl that begins with 1f 8b (gzip)", "train.jsonl.gz", "rename the file", "none", "bytes",
    ),
    Rule(
        "FIL005", "git-lfs-pointer", E, "A Git LFS pointer stands in place of the data.",
        "The repository was cloned without Git LFS: the file is 130 bytes that name the real content. Fetch it with"
        " `git lfs pull`.",
        "version https://git-lfs.github.com/spec/v1", "(the data itself)", cost="bytes",
    ),
    Rule(
        "FIL006", "folder-without-data", E, "The folder holds no dataset.",
        "ftui looks for .jsonl .json .csv .tsv .parquet .arrow (also compressed), for what `save_to_disk` writes,"
        " and four folders deep. It found none.",
        "ftui lint results/", "ftui lint results/data/", cost="bytes",
    ),
    Rule(
        "FIL007", "link-loop", E, "A link leads back to itself.",
        "Following it would never end. Within a folder that is a warning: each file is read once.",
        "a.jsonl -> b.jsonl -> a.jsonl", "a.jsonl", cost="bytes",
    ),
    Rule(
        "FIL008", "no-permission", E, "The file may not be read.",
        "The operating system refuses. Ask its owner, or copy it to a place of yours.",
        "-rw------- root train.jsonl", "-rw-r--r-- root train.jsonl", cost="bytes",
    ),
    Rule(
        "FIL009", "over-target-limit", W, "The file is larger than the chosen trainer accepts.",
        "Hosted trainers refuse files beyond a limit after the upload: OpenAI 512 MB, Together 50.1 GB, Mistral 10"
        " GB or 10 million rows (limits as in their checking tools). Only checked with --target.",
        "a 600 MB file with --target openai", "two files below 512 MB", cost="bytes",
    ),
    Rule(
        "FIL010", "not-a-regular-file", E, "The path is a pipe, a socket or a device.",
        "Reading it might never end. Use `-` to read standard input.",
        "ftui lint /dev/zero", "zcat F.gz | ftui lint -", cost="bytes",
    ),
    Rule(
        "FIL011", "merge-conflict", E, "Git conflict markers stand between the rows.",
        "A merge was not finished, so both versions of some rows are in the file. The lines of both sides are read,"
        " but only you can say which ones are meant; no fix is offered.",
        "<<<<<<< HEAD", "(the rows of one side)", cost="bytes",
    ),
    Rule(
        "FIL012", "error-page", E, "A web page or an error message was saved as data.",
        "The download failed, and the server's answer was written to the file: a login page, a 404, a rate limit.",
        "<!doctype html><title>Sign in</title>", '{"prompt": "2+2?", "completion": "4"}', cost="bytes",
    ),
    Rule(
        "FIL013", "damaged-file", E, "A compressed or binary file is cut off or damaged.",
        "A gzip stream without its end, a Parquet file without its footer, an Arrow file that stops in a batch, or a"
        " state.json that names files outside its own folder (never followed). Rows before the damage are still"
        " checked.",
        "a half-downloaded train.parquet", "the whole file (compare sizes or checksums)", cost="bytes",
    ),
    Rule(
        "FIL014", "decompression-bomb", E, "The file grows without measure when it is unpacked.",
        "More than 64 MiB came out at more than 200 times the size that went in. Training text compresses 3 to 20"
        " times. Reading stops there, so that memory and disk are safe.",
        "400 KB of gzip that becomes 400 MB", "plain or honestly compressed rows", cost="bytes",
    ),
    Rule(
        "FIL015", "changed-since-baseline", W, "The file has changed since the baseline was written.",
        "The baseline records the SHA-256 of the file whose findings it accepts. Another content means other rows:"
        " look at the findings again, then write a new baseline with --add-baseline.",
        "ftui lint train.jsonl --baseline old.json", "ftui lint train.jsonl --add-baseline --baseline new.json",
        cost="bytes",
    ),
    Rule(
        "FIL016", "loading-script", W, "The dataset folder ships a Python program.",
        "Old dataset repositories carry a loading script. Running a stranger's program to read data is a risk, and"
        " newer loaders refuse it. ftui reads the data files beside it and never runs it.",
        "my_set/my_set.py", "my_set/train.jsonl alone", cost="bytes",
    ),
)  # fmt: skip
