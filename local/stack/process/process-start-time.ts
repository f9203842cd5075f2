/** Tells a process from another one that was given its id later. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** When a process began, in the system's own terms; undefined when there is none, or only a dead one nobody asked about. */
export async function processStartTime(pid: number): Promise<string | undefined> {
  try {
    // proc_pid_stat(5): after the name, which may hold anything, the state is the first field and the start time the 20th.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
    return await startTimeFromPs(pid).catch(() => undefined);
  }
}

/** Where there is no /proc. */
async function startTimeFromPs(pid: number): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return stdout.trim() === '' ? undefined : stdout.trim();
}
