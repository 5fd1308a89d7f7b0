"""Serving with vLLM: configuration and scripts for tuned and base, and a split of real traffic between the two."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ftui.core.plan import Plan
from ftui.services.files import write_atomic

TUNED_PORT, BASE_PORT, SPLIT_PORT = 8000, 8001, 8080


AB_SPLIT = f"""\
# One client in ten goes to the tuned model (port {TUNED_PORT}), the rest to the base (port {BASE_PORT}), by address and
# Authorization header, so that a client stays with one of them. The answer's X-Model header says which it was, and so
# does ab-split.log, with status and seconds of each request: that is what decides.
daemon off;
pid ab-split.pid;
error_log stderr;
events {{}}
http {{
  client_body_temp_path ab-split.tmp;
  proxy_temp_path ab-split.tmp;
  fastcgi_temp_path ab-split.tmp;
  uwsgi_temp_path ab-split.tmp;
  scgi_temp_path ab-split.tmp;
  log_format split '$time_iso8601\\t$upstream\\t$status\\t$request_time\\t$request_uri';
  access_log ab-split.log split;
  split_clients "$remote_addr$http_authorization" $upstream {{
    10%     tuned;
    *       base;
  }}
  upstream tuned {{ server 127.0.0.1:{TUNED_PORT}; }}
  upstream base  {{ server 127.0.0.1:{BASE_PORT}; }}
  server {{
    listen 127.0.0.1:{SPLIT_PORT};
    client_max_body_size 32m;
    location / {{
      proxy_pass http://$upstream;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_buffering off;
      proxy_read_timeout 600s;
      add_header X-Model $upstream always;
    }}
  }}
}}
"""
"""nginx's configuration. It needs no rights and writes only below the folder that -p names."""


def lora_rank_of_server(rank: int) -> int:
    """vLLM reserves room for adapters in fixed sizes (its --max-lora-rank); the least that holds this one."""
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), 512)


def write_serving(plan: Plan, folder: Path, final: Path, *, adapter: bool, window: int) -> tuple[str, ...]:
    """Write vllm.yaml, serve.sh, serve-base.sh and ab-split.nginx.conf; gives what to type next.

    final: where the folder will lie. Both servers answer to the same model name, so that a client that talks to the
    split need not know which of them it got.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plan.run.name) or "tuned"
    base = plan.model.path or plan.model.id
    config = f"model: {_quoted(base if adapter else './model')}\nmax-model-len: {window}\nhost: 127.0.0.1\n"
    config += f"port: {TUNED_PORT}\n"
    if adapter:
        rank = lora_rank_of_server(plan.method.lora_rank)
        config += f"served-model-name: base\nenable-lora: true\nmax-lora-rank: {rank}\n"
        config += f"lora-modules:\n  - {name}=./model\n"
    else:
        config += f"served-model-name: {name}\n"
    write_atomic(folder / "vllm.yaml", config)
    template = " --chat-template ./model/chat_template.jinja"
    template = template if (folder / "model" / "chat_template.jinja").is_file() else ""
    start = '#!/bin/sh\ncd "$(dirname "$0")" && exec vllm serve'
    write_atomic(folder / "serve.sh", f"{start} --config vllm.yaml{template}\n", mode=0o700)
    base_server = f"{start} {shlex.quote(base)} --served-model-name {name} --max-model-len {window}"
    base_server += f" --host 127.0.0.1 --port {BASE_PORT}{template}\n"
    write_atomic(folder / "serve-base.sh", base_server, mode=0o700)
    write_atomic(folder / "ab-split.nginx.conf", AB_SPLIT)
    return (
        f"{final}/serve.sh",
        f"{final}/serve-base.sh   (the base, on port {BASE_PORT})",
        f"nginx -p {final} -c ab-split.nginx.conf   (one client in ten to the tuned model, on port {SPLIT_PORT})",
    )


def _quoted(text: str) -> str:
    """A YAML string in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
