"""A real vLLM server on the CPU, in a process group of its own so that its engine dies with it."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.generate.chat_server import free_port

START_S = 240.0  # a loaded machine needs 1 to 2 minutes
CONTEXT = 8192
SETTINGS = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
FLAGS = (
    "--dtype float32 --enforce-eager --no-enable-chunked-prefill --max-num-seqs 64 "
    f"--max-model-len {CONTEXT} --max-num-batched-tokens {CONTEXT} "
    "--structured-outputs-config.backend xgrammar --structured-outputs-config.disable_any_whitespace true"
)


class VllmServer:
    """Start it, wait for it, kill it, start it again on the same port."""

    def __init__(self, python: Path, model: Path, name: str, log: Path) -> None:
        self._python, self._model, self._name, self._log = python, model, name, log
        self.port = free_port()
        self._process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self):
        command = [
            self._python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            self._model,
            "--host",
            "127.0.0.1",
        ]
        command += ["--port", self.port, "--served-model-name", self._name, *FLAGS.split()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdout=log,
                stderr=log,
                env=os.environ | SETTINGS,
                start_new_session=True,
            )

    def wait(self):
        """Seconds until it is well."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < START_S:
            if self._process.poll() is not None:
                raise SystemExit(f"{self._log}: vLLM ended with {self._process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5.0):
                    return time.monotonic() - began_s
            except OSError:
                time.sleep(0.5)
        raise SystemExit(f"{self._log}: vLLM was not up after {START_S:.0f} s")

    def kill(self):
        """The whole group at once, as when a machine fails."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.kill()
