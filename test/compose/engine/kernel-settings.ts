/** Kernel state that a Docker engine leaves behind: firewall rules, bridges, forwarding and control groups. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onPath } from '../../../local/stack/build/locate-executable.ts';
import { runCommand, tryCommand } from './run-command.ts';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';
const CONTROL_GROUPS = '/sys/fs/cgroup';
const FIREWALLS = ['iptables', 'ip6tables'] as const;
/** Docker's default bridge and the bridge of each network. */
const BRIDGE = /^(docker0|br-[0-9a-f]{12})$/;
/** Rules in other chains that jump to one of Docker's chains, which cannot be deleted before them. */
const JUMP_TO_DOCKER_CHAIN = / -j DOCKER(-\S+)?( |$)/;
/** Other rules that Docker creates, and other programs may create as well. */
const DOCKER_RULE_PATTERNS = [
  / -[io] (docker0|br-[0-9a-f]{12})( |$)/,
  // Hairpin rule of a published port.
  / -s (\S+) -d \1 .*-j MASQUERADE$/,
];

export interface KernelSettings {
  readonly forwarding: string;
  /** Output of `iptables-save`, by program. */
  readonly rules: Readonly<Record<string, string>>;
}

/** Settings before an engine starts. */
export async function readKernelSettings(): Promise<KernelSettings> {
  const rules: Record<string, string> = {};
  for (const firewall of FIREWALLS) {
    if (onPath(`${firewall}-save`) !== undefined) rules[firewall] = await runCommand(`${firewall}-save`, []);
  }
  return { forwarding: await readForwarding(), rules };
}

async function readForwarding(): Promise<string> {
  return (await readFile(FORWARDING, 'utf8')).trim();
}

/**
 * Removes what a stopped engine left. No engine may be running. After a killed run it removes everything but forwarding and its
 * policy, which cannot be attributed to Docker.
 */
export async function restoreKernelSettings(before: KernelSettings): Promise<void> {
  for (const [firewall, saved] of Object.entries(before.rules)) {
    const removal = dockerRuleRemoval(saved, await runCommand(`${firewall}-save`, []));
    if (removal !== '') await runCommand(`${firewall}-restore`, ['--noflush'], { input: removal });
  }
  for (const link of await dockerBridges()) await runCommand('ip', ['link', 'delete', link]);
  // A read-only setting cannot have been changed by the engine.
  if ((await readForwarding()) !== before.forwarding) await writeFile(FORWARDING, before.forwarding);
  for (const group of await dockerControlGroups())
    await tryCommand('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+']);
}

/** Docker's control group in each hierarchy (v1) or in the unified one (v2). */
async function dockerControlGroups(): Promise<readonly string[]> {
  const hierarchies = existsSync(CONTROL_GROUPS) ? await readdir(CONTROL_GROUPS) : [];
  return ['', ...hierarchies].map((name) => join(CONTROL_GROUPS, name, 'docker')).filter((group) => existsSync(group));
}

/** @returns names of Docker's bridges. */
export async function dockerBridges(): Promise<readonly string[]> {
  return (await readdir('/sys/class/net')).filter((name) => BRIDGE.test(name));
}

/**
 * Input of `iptables-restore --noflush` that deletes Docker's chains and every rule that names one or a bridge of Docker's,
 * and restores the policies of the built-in chains.
 * @param saved output of `iptables-save` before the engine started; these rules are kept.
 * @param now current output of `iptables-save`.
 */
export function dockerRuleRemoval(saved: string, now: string): string {
  const former = tables(saved);
  const sections = [...tables(now)].flatMap(([table, lines]) => {
    const chains = lines.flatMap((line) => /^:(DOCKER(?:-\S+)?) /.exec(line)?.[1] ?? []);
    const kept = new Set(former.get(table));
    const rules = lines.filter(
      (line) =>
        /^-A (?!DOCKER)/.test(line) &&
        (JUMP_TO_DOCKER_CHAIN.test(line) || (!kept.has(line) && DOCKER_RULE_PATTERNS.some((rule) => rule.test(line)))),
    );
    const changed = [...policiesIn(lines)].flatMap(([chain, policy]) => {
      const before = policiesIn(former.get(table) ?? []).get(chain) ?? 'ACCEPT';
      return before === policy ? [] : [`:${chain} ${before} [0:0]`];
    });
    const removal = [
      ...changed,
      ...rules.map((rule) => rule.replace('-A', '-D')),
      // Chains may refer to each other, so all are flushed first.
      ...chains.map((chain) => `-F ${chain}`),
      ...chains.map((chain) => `-X ${chain}`),
    ];
    return removal.length === 0 ? [] : [`*${table}`, ...removal, 'COMMIT'];
  });
  return sections.map((line) => `${line}\n`).join('');
}

function tables(saved: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) {
      current = [];
      found.set(line.slice(1), current);
    } else {
      current.push(line);
    }
  }
  return found;
}

/** Policies by built-in chain. */
function policiesIn(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.flatMap((line) => {
      const [, chain, policy] = /^:(\S+) (ACCEPT|DROP) /.exec(line) ?? [];
      return chain === undefined || policy === undefined ? [] : [[chain, policy]];
    }),
  );
}
