import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEndpoints } from '../endpoints.ts';
import { LocalStackError } from '../local-stack-error.ts';
import { type ManagementCluster, prepareManagementCluster } from '../management-cluster/management-cluster.ts';
import { poll } from '../poll.ts';
import { lastLines } from '../process/log-tail.ts';
import { startStack } from '../stack.ts';
import { findSupervisor, MANAGEMENT_CLUSTER_FILE } from '../state-folder.ts';
import { describeStack, ENVIRONMENT_FILE, environmentScript, type Output } from './output.ts';

/** Options of `stack up`. */
export interface UpOptions {
  readonly stateDir: string;
  readonly keep: boolean;
  readonly zone: string;
  readonly json: boolean;
}

const SUPERVISOR_LOG = 'supervisor.log';
/** The first start may build every part. */
const START_TIMEOUT_MS = 60 * 60_000;
const POLL_INTERVAL_MS = 200;

/** Runs the stack until the signal is aborted. @throws LocalStackError when a part does not start. */
export async function upInForeground(options: UpOptions, output: Output, signal: AbortSignal): Promise<void> {
  const { stateDir, keep } = options;
  const stack = await startStack({
    stateDir,
    keepData: keep,
    temporal: { dbFilename: 'temporal.db' },
    signal,
    onStarted: (part, tookMs) => output.note(`${part} is up (${(tookMs / 1000).toFixed(1)} s)`),
  });
  try {
    await stack.createZone(options.zone);
    const managementCluster = await prepareManagementCluster(stack, { sampleZone: options.zone });
    await writeFile(join(stateDir, ENVIRONMENT_FILE), environmentScript(managementCluster), { mode: 0o600 });
    output.result(describeStack(stack, managementCluster), {
      stack: await readEndpoints(stateDir),
      managementCluster,
    });
    output.note('Ctrl-C stops it.');
    await untilAborted(signal);
    output.note('stopping …');
  } finally {
    await stack.stop();
  }
}

/** Starts the stack in a process of its own. @returns once it is up. @throws LocalStackError when it does not start. */
export async function upInBackground(options: UpOptions, output: Output): Promise<void> {
  const { stateDir } = options;
  const running = await findSupervisor(stateDir);
  if (running !== undefined) {
    throw new LocalStackError({ message: `A stack runs in ${stateDir} already (process ${running.pid}).` });
  }
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await rm(join(stateDir, MANAGEMENT_CLUSTER_FILE), { force: true });
  const logFile = join(stateDir, SUPERVISOR_LOG);
  const log = await open(logFile, 'w', 0o600);
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
  const flags = ['--state', stateDir, '--zone', options.zone, ...(options.keep ? ['--keep'] : [])];
  const child = spawn(process.execPath, [cli, 'up', ...flags], { detached: true, stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, name) => (ended = name === null ? `code ${String(code)}` : `signal ${name}`));
  let shown = 0;
  const isUp = async (): Promise<boolean | undefined> => {
    if ([MANAGEMENT_CLUSTER_FILE, ENVIRONMENT_FILE].every((file) => existsSync(join(stateDir, file)))) return true;
    if (ended !== undefined) return false;
    shown = await printNewLines(logFile, shown, output);
    return undefined;
  };
  if (!(await poll(isUp, { timeoutMs: START_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS }))) {
    child.kill();
    const lines = (await lastLines(logFile)).map((line) => `  ${line}`).join('\n');
    throw new LocalStackError({ message: `The stack did not start (${ended ?? 'timeout'}):\n${lines}` });
  }
  child.unref();
  const endpoints = await readEndpoints(stateDir);
  const managementCluster = JSON.parse(
    await readFile(join(stateDir, MANAGEMENT_CLUSTER_FILE), 'utf8'),
  ) as ManagementCluster;
  output.result(describeStack(endpoints, managementCluster), { stack: endpoints, managementCluster });
  output.note('It runs in the background. npm run stack -- down stops it.');
}

async function printNewLines(file: string, shown: number, output: Output): Promise<number> {
  const content = await readFile(file, 'utf8');
  const end = content.lastIndexOf('\n') + 1;
  for (const line of content.slice(shown, end).split('\n')) if (line !== '') output.note(line);
  return Math.max(shown, end);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // An AbortSignal does not keep the process alive.
  const stay = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  clearInterval(stay);
}
