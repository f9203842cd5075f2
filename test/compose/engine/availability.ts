/** Checks whether this machine can run a separate Docker engine for the tests. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { onPath } from '../../../local/stack/build/locate-executable.ts';

/** Required commands and their Debian packages. */
const COMMANDS: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  docker: 'docker.io',
  iptables: 'iptables',
  ip: 'iproute2',
  unshare: 'util-linux',
  debootstrap: 'debootstrap',
};
const SYSTEM_SOCKET = '/var/run/docker.sock';

/** @returns why no engine can be started, and what to do about it; undefined when one can. */
export async function engineUnavailableReason(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `a Docker engine runs on Linux, and this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return 'a Docker engine is started by root; run this as root.';
  const missing = Object.keys(COMMANDS).filter((command) => onPath(command) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((command) => COMMANDS[command]))];
    return `there is no ${missing.join(', no ')} on the PATH. Debian: apt-get install ${packages.join(' ')}`;
  }
  const running = (await acceptsConnections(SYSTEM_SOCKET)) ? `one answers at ${SYSTEM_SOCKET}` : await runningEngine();
  if (running !== undefined) {
    const why = `another engine runs (${running}), and a second one would take over its bridge and firewall rules.`;
    return `${why} Stop it, or set CERTMAN_TEST_COMPOSE=running to use it with published images.`;
  }
  return undefined;
}

/** Whether any dockerd runs, for example that of another test run. */
async function runningEngine(): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // The process may have exited meanwhile.
    const name = await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '');
    if (name.trim() === 'dockerd') return `process ${pid}`;
  }
  return undefined;
}

async function acceptsConnections(socket: string): Promise<boolean> {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    connection.destroy();
  }
}
