/** Limits the CPU time of a process by a control group, as the kubelet does: needs root on Linux. */
import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CONTROL_GROUPS = '/sys/fs/cgroup';
const PERIOD_US = 100_000;

/**
 * Puts a process into a control group of its own. Sources: cgroups(7), the kernel's sched-bwc.rst and cgroup-v2.rst.
 * @param cores share of a core, such as 0.25. @returns removes the group, once the process has ended.
 * @throws Error where control groups cannot be written.
 */
export async function limitCpu(pid: number, cores: number): Promise<() => Promise<void>> {
  const unified = await access(join(CONTROL_GROUPS, 'cgroup.controllers')).then(
    () => true,
    () => false,
  );
  const group = join(CONTROL_GROUPS, unified ? '' : 'cpu', `certman-bench-${pid}`);
  const quota = Math.round(cores * PERIOD_US);
  await mkdir(group);
  try {
    if (unified) await writeFile(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`);
    else await writeFile(join(group, 'cpu.cfs_quota_us'), String(quota));
    await writeFile(join(group, 'cgroup.procs'), String(pid));
  } catch (error) {
    await rmdir(group);
    throw error;
  }
  return () => rmdir(group);
}
