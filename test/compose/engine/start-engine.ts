/** A Docker engine of the tests' own, apart from any other: socket, data and processes, all gone when it is stopped. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../local/stack/local-stack-error.ts';
import { poll } from '../../../local/stack/poll.ts';
import { spawnGuarded } from '../../../local/stack/process/guarded-process.ts';
import { lastLines } from '../../../local/stack/process/log-tail.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../../support/vitest/timeouts.ts';
import { readKernelSettings, restoreKernelSettings } from './kernel-settings.ts';
import { runCommand, tryCommand } from './run-command.ts';

export interface Engine {
  /** Value for `DOCKER_HOST`. */
  readonly host: string;
  readonly version: string;
  readonly logFile: string;
  /** Kills it with its containers and removes its data, bridges and firewall rules. */
  stop(): Promise<void>;
}

/** This machine cannot run a Docker engine; the message is why. */
export class EngineUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineRefused';
  }
}

const POLL_INTERVAL_MS = 500;
/** Ethernet's; a bridge with more than the machine's own link drops large packets. */
const DEFAULT_MTU = '1500';

/** @param folder Where its data goes; made when absent. @throws EngineRefused */
export async function startEngine(folder: string): Promise<Engine> {
  await mkdir(folder, { recursive: true });
  const before = await readKernelSettings().catch((error: unknown) => {
    throw new EngineUnavailable(`this machine does not show its firewall or forwarding: ${messageOf(error)}`);
  });
  const logFile = join(folder, 'dockerd.log');
  const host = `unix://${join(folder, 'docker.sock')}`;
  const data = join(folder, 'data');
  const dockerd = [
    'dockerd',
    `--host=${host}`,
    `--data-root=${data}`,
    `--exec-root=${join(folder, 'exec')}`,
    `--pidfile=${join(folder, 'dockerd.pid')}`,
    `--mtu=${await mtuOfDefaultRoute()}`,
  ];
  // Process and mount namespaces of its own: whatever ends this one ends containerd and all containers with it.
  const namespaces = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc'];
  const running = await spawnGuarded({ command: 'unshare', args: [...namespaces, ...dockerd], logFile });
  const stop = async (): Promise<void> => {
    await running.kill();
    try {
      await restoreKernelSettings(before);
    } finally {
      // What dies with the namespace may still write for a moment.
      await rm(data, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
    }
  };
  const environment = { ...process.env, DOCKER_HOST: host };
  const serverVersion = async (): Promise<string | undefined> => {
    const { code, stdout } = await tryCommand('docker', ['version', '--format', '{{.Server.Version}}'], {
      environment,
    });
    if (code === 0) return stdout.trim();
    return running.ended() === undefined ? undefined : '';
  };
  const version = await poll(serverVersion, { timeoutMs: WAIT_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS });
  if (version) return { host, version, logFile, stop };
  const ended = running.ended();
  const leftover = await stop().then(
    () => '',
    (error: unknown) => ` Its files could not be removed: ${messageOf(error)}`,
  );
  const how = ended === undefined ? `does not respond after ${WAIT_TIMEOUT_SECONDS} s` : `ended with ${ended}`;
  const lines = await lastLines(logFile);
  throw new EngineUnavailable(
    `dockerd ${how}.${leftover} Its last lines:\n${lines.map((line) => `  ${line}`).join('\n')}`,
  );
}

async function mtuOfDefaultRoute(): Promise<string> {
  const route = await runCommand('ip', ['route', 'show', 'default']);
  const link = / dev (\S+)/.exec(route)?.[1];
  return link === undefined ? DEFAULT_MTU : (await readFile(`/sys/class/net/${link}/mtu`, 'utf8')).trim();
}
