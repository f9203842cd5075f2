/** Memory and CPU time of another process, by proc(5). */
import { readdir, readFile } from 'node:fs/promises';

/** Of the kernel's clock in `/proc/<pid>/stat`: USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;
/** utime and stime. */
const OWN_FIELDS = [11, 13] as const;
/** And cutime and cstime, of the children that have ended. */
const OWN_AND_ENDED_FIELDS = [11, 15] as const;
const ENDED_FIELDS = [13, 15] as const;

/** Resident memory in MiB, now and at its highest. */
export interface ProcessMemory {
  readonly residentMb: number;
  readonly peakMb: number;
}

/** VmRSS and VmHWM. @throws when the process has ended. */
export async function processMemory(pid: number): Promise<ProcessMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024);
  return { residentMb: mebibytes('VmRSS'), peakMb: mebibytes('VmHWM') };
}

/** CPU time of all threads so far, in seconds. @throws when the process has ended. */
export async function processCpuSeconds(pid: number): Promise<number> {
  return await statSeconds(pid, OWN_FIELDS);
}

/** CPU time of a process, its children that run and those that have ended, in seconds. @throws when the process has ended. */
export async function processTreeCpuSeconds(pid: number): Promise<number> {
  const own = await statSeconds(pid, OWN_AND_ENDED_FIELDS);
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter((id) => id !== '');
  // A child that ends in between is counted by its parent the next time.
  const times = await Promise.all(children.map((child) => processTreeCpuSeconds(Number(child)).catch(() => 0)));
  return times.reduce((sum, seconds) => sum + seconds, own);
}

/** CPU time of the children of this process that have ended, in seconds. */
export async function endedChildrenCpuSeconds(): Promise<number> {
  return await statSeconds(process.pid, ENDED_FIELDS);
}

/** Sum of these fields of `/proc/<pid>/stat`, counted from the one after the program's name, which may have spaces. */
async function statSeconds(pid: number, [first, end]: readonly [number, number]): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(first, end).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** CPU time so far of all processes that this one has started, itself not, in seconds by name of the program. */
export async function childrenCpuSeconds(): Promise<Readonly<Record<string, number>>> {
  const processes = new Map<number, { readonly parent: number; readonly name: string }>();
  for (const entry of await readdir('/proc')) {
    const stat = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '') : '';
    const fields = /^\d+ \((.*)\) \S+ (\d+) /s.exec(stat);
    if (fields !== null) processes.set(Number(entry), { name: fields[1] ?? '', parent: Number(fields[2]) });
  }
  const isOwn = (pid: number): boolean => {
    const parent = processes.get(pid)?.parent;
    return parent !== undefined && (parent === process.pid || isOwn(parent));
  };
  const seconds: Record<string, number> = {};
  for (const [pid, { name }] of processes) {
    if (!isOwn(pid)) continue;
    seconds[name] = (seconds[name] ?? 0) + (await processCpuSeconds(pid).catch(() => 0));
  }
  return seconds;
}

/** CPU time so far of this process (`bench`) and of all that it has started, in seconds by name of the program. */
export async function cpuSeconds(): Promise<Readonly<Record<string, number>>> {
  const { user, system } = process.cpuUsage();
  return { ...(await childrenCpuSeconds()), bench: (user + system) / 1e6 };
}
