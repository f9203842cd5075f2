/** Allocates free loopback ports. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LocalStackError } from '../local-stack-error.ts';

/** Below the range of ephemeral ports, so that a part's port stays free over a restart. */
const FIRST_PORT = 17_000;
const LAST_PORT = 31_999;
const MAX_ATTEMPTS = 200;

const allocatedPorts = new Set<number>();

/** A port that is free for TCP and UDP, and new to this process. @throws LocalStackError */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (allocatedPorts.has(port)) continue;
    if ((await isFreeForTcp(port)) && (await isFreeForUdp(port))) {
      allocatedPorts.add(port);
      return port;
    }
  }
  throw new LocalStackError({
    message: `No free port on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT} in ${MAX_ATTEMPTS} attempts.`,
    remedy: 'Stop other running stacks (npm run stack -- down).',
  });
}

/** One free port for each name. @throws LocalStackError */
export async function freePorts<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
  const entries: [Name, number][] = [];
  for (const name of names) entries.push([name, await freePort()]);
  return Object.fromEntries(entries) as Record<Name, number>;
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
