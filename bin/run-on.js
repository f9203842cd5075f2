import { spawn } from 'node:child_process';

/**
 * Runs a script on another Node in place of this process: with its streams, its signals and its exit code.
 * @param {string} node path of the executable
 * @param {readonly string[]} script its path and its arguments
 */
export function runOn(node, script) {
  const child = spawn(node, script, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      // A terminal sends ^C to both.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  child.on('error', (error) => {
    process.stderr.write(`certman: ${node} cannot be started: ${error.message}. Run "npm ci" again.\n`);
    process.exitCode = 2;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
