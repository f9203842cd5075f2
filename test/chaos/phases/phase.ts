/** A phase of a run: work for the workers while they are killed, and how its completion is detected. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from '../installation.ts';
import { describeKillPoint, type KillPoint, type Phase } from '../kills/kill-points.ts';
import { startRandomKills } from '../kills/random-kills.ts';
import type { Progress } from '../progress.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** The work of a phase. */
export interface PhaseWorkload {
  readonly name: Phase;
  /** Gives them some more, or nothing when all has been given. @param portions how many more times there will be. */
  submit(portions: number): Promise<void>;
  /** Describes the work that is not done yet. */
  pending(): Promise<string | undefined>;
}

export interface PhaseOptions {
  readonly installation: Installation;
  readonly points: readonly KillPoint[];
  readonly random: SeededRandom;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly randomPauseMs: { readonly least: number; readonly most: number };
  /** Timeout for the work that is pending after the last kill. */
  readonly settleSeconds: number;
}

export interface PhaseOutcome {
  /** Kill points whose request was never sent. */
  readonly missed: readonly KillPoint[];
  readonly randomKills: number;
  /** Work that was pending at the timeout. */
  readonly unsettled?: string;
}

/** Temporal retries a killed worker's activities and workflow tasks after their timeout of 10 s. */
const TRIGGER_TIMEOUT_MS = 150_000;
const SUBMIT_INTERVAL_MS = 5_000;
/** The number of workers, so that sometimes none is running. */
const CONCURRENT_TRIGGERS = 2;
const MAX_PAUSE_MS = 600;
const POLL_INTERVAL_MS = 500;
const PROGRESS_INTERVAL_MS = 20_000;

export async function runPhase(work: PhaseWorkload, options: PhaseOptions): Promise<PhaseOutcome> {
  const { installation, points, random, progress, signal } = options;
  const { workers } = installation;
  const randomKills = startRandomKills(workers, random, options.randomPauseMs);
  const allKilled = new AbortController();
  const outages = installation.outages.run(progress, AbortSignal.any([signal, allKilled.signal]));
  const missed: KillPoint[] = [];
  const waiting = [...points];
  const triggerKills = async (): Promise<void> => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
      if (!(await triggerKill(work, point, waiting.length + 1, options))) missed.push(point);
      await sleep(random.integer(0, MAX_PAUSE_MS), undefined, { signal });
      workers.checkHealth();
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENT_TRIGGERS }, triggerKills));
  } finally {
    allKilled.abort();
    await Promise.all([randomKills.stop(), outages]);
  }
  await work.submit(1);
  progress.print(`${work.name}: all kills done, waiting until all is done`);
  const unsettled = await settle(work, options);
  await workers.ready();
  return { missed, randomKills: randomKills.count, ...(unsettled === undefined ? {} : { unsettled }) };
}

async function triggerKill(
  work: PhaseWorkload,
  point: KillPoint,
  portions: number,
  { installation, progress, signal }: PhaseOptions,
): Promise<boolean> {
  const startedAt = performance.now();
  const trigger = installation.killTriggers.arm(point);
  const fired = trigger.fired.then((incarnation) => {
    progress.kill(`${incarnation} ${describeKillPoint(point)}`, work.name);
    return true;
  });
  while (performance.now() - startedAt < TRIGGER_TIMEOUT_MS) {
    await work.submit(portions);
    if (await Promise.race([fired, sleep(SUBMIT_INTERVAL_MS, false, { signal })])) return true;
    installation.workers.checkHealth();
  }
  trigger.disarm();
  progress.print(`${work.name}: nothing came that would have been killed ${describeKillPoint(point)}`);
  return false;
}

async function settle(work: PhaseWorkload, { installation, progress, signal, settleSeconds }: PhaseOptions) {
  const startedAt = performance.now();
  for (let sayAfterMs = PROGRESS_INTERVAL_MS; ; ) {
    const pending = await work.pending();
    const passedMs = performance.now() - startedAt;
    if (pending === undefined || passedMs > settleSeconds * 1000) return pending;
    if (passedMs > sayAfterMs) {
      progress.print(`${work.name}: ${pending}`);
      sayAfterMs += PROGRESS_INTERVAL_MS;
    }
    installation.workers.checkHealth();
    await sleep(POLL_INTERVAL_MS, undefined, { signal });
  }
}
