/**
 * Finds the process that opened a loopback connection. All workers must use the same CA URL, because an order URL that one of
 * them records is used by the next, so the relay cannot distinguish them by the address that they call.
 * Source: proc(5), /proc/net/tcp and /proc/PID/fd. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode` */
const COLUMNS = { local: 1, remote: 2, inode: 9 } as const;

/** @returns the first of these processes that holds the client's end of the loopback connection; undefined when none does. */
export function processOfConnection(
  clientPort: number,
  serverPort: number,
  candidates: readonly number[],
): number | undefined {
  const inode = inodeOf(clientPort, serverPort);
  if (inode === undefined) return undefined;
  return candidates.find((pid) => holds(pid, `socket:[${inode}]`));
}

function inodeOf(clientPort: number, serverPort: number): string | undefined {
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (portOf(columns[COLUMNS.local]) === clientPort && portOf(columns[COLUMNS.remote]) === serverPort)
      return columns[COLUMNS.inode];
  }
  return undefined;
}

/** `0100007F:1F90` is 127.0.0.1:8080. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16);
}

function holds(pid: number, target: string): boolean {
  const folder = `/proc/${pid}/fd`;
  let descriptors: readonly string[];
  try {
    descriptors = readdirSync(folder);
  } catch {
    // The process has exited: no process owns the connection.
    return false;
  }
  return descriptors.some((descriptor) => {
    try {
      return readlinkSync(`${folder}/${descriptor}`) === target;
    } catch {
      // Closed since the listing.
      return false;
    }
  });
}
