import {
  ApplicationFailure,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { expectedEnd, isAnswered, isReplaced, isSettled } from '../../src/campaigns/expectation.ts';
import {
  addCounts,
  type CampaignCounts,
  countOutcomes,
  countsText,
  NO_COUNTS,
  totalOf,
} from '../../src/campaigns/outcome.ts';
import { exceedsThreshold, thresholdText } from '../../src/campaigns/stop-threshold.ts';
import { isAbortRequest, knownCounts } from '../../src/contract/campaign-messages.ts';
import {
  beginWave,
  type CampaignItem,
  type CampaignPhase,
  type CampaignStatus,
  endWave,
  MAX_WAVES,
  type RenewalCampaignInput,
  type WaveProgress,
  waveWorkflowId,
} from '../../src/contract/renewal-campaign.ts';
import { CertState } from '../../src/contract/search-attributes.ts';
import { isCount } from '../../src/contract/shape.ts';
import { counted } from '../../src/failures/counted.ts';
import { campaignWave } from '../campaign-wave.ts';
import { campaignDetails } from './details.ts';
import { areItems } from './wave.ts';

const HOUR_MS = 3_600_000;

/** A campaign of which not all waves were added until then ends: its client died. */
export const PREPARATION_MS = HOUR_MS;

/** However long it is paused or waits: a cluster that is paused for longer is left out. */
export const MAX_DURATION_MS = 30 * 24 * HOUR_MS;

/** A wave that was terminated reports nothing: so often, those that have begun are signalled. */
const WAVE_CHECK_MS = 2 * HOUR_MS;

/**
 * Waves above which the run that started them continues as new before it begins. The results of its children would come
 * into its history, each with every certificate.
 */
const MAX_CHILDREN_IN_RUN = 20;

/** The state of a run of `renewalCampaign`. */
export class Campaign {
  readonly #input: RenewalCampaignInput;
  readonly #startedAt: number;
  readonly #waves: WaveProgress[];
  readonly #adding = new Set<number>();
  /** Counts what the workflow reacts to. */
  changes = 0;
  #phase: CampaignPhase;
  #reason: string | undefined;
  #begun: number;
  #accepted: number;
  #prepared: boolean;
  /** Before the present stretch without a pause, which began at `#activeSince`. */
  #activeMs: number;
  #activeSince: number | undefined;
  #endedAt: number | undefined;
  #published = '';
  #wasLate = false;
  #wavesCheckedAt = Date.now();

  constructor(input: RenewalCampaignInput) {
    const { carried } = input;
    this.#input = input;
    this.#startedAt = carried === undefined ? Date.now() : Date.parse(carried.startedAt);
    this.#waves = [...(carried?.waves ?? [])];
    this.#phase = carried?.phase ?? 'Preparing';
    this.#reason = carried?.reason;
    this.#begun = carried?.begun ?? 0;
    this.#accepted = carried?.accepted ?? 0;
    this.#prepared = carried?.prepared ?? false;
    this.#activeMs = carried?.activeMs ?? 0;
    this.#activeSince = this.isActive ? Date.now() : undefined;
  }

  get isPrepared(): boolean {
    return this.#prepared;
  }

  get isAborted(): boolean {
    return this.#phase === 'Aborted';
  }

  get isActive(): boolean {
    return this.#phase === 'Running' || this.#phase === 'Finishing';
  }

  /** Whether this run has started more waves than it may have as children when they end. */
  get hasTooManyChildren(): boolean {
    return this.#input.carried === undefined && this.#waves.length > MAX_CHILDREN_IN_RUN;
  }

  get counts(): CampaignCounts {
    return addCounts(this.#waves.map(({ counts }) => counts));
  }

  /** Starts a wave, which waits for its turn. */
  async addWave(number: number, items: readonly CampaignItem[]): Promise<void> {
    if (this.#waves[number] !== undefined || this.#adding.has(number)) return;
    this.#adding.add(number);
    try {
      const { name, revocation, requestedBy } = this.#input;
      const { workflowId } = workflowInfo();
      await startChild(campaignWave, {
        workflowId: waveWorkflowId(workflowId, number),
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `Wave ${number} of ${name}: ${counted(items.length, 'certificate')}`.slice(0, 200),
        memo: { campaign: name, requestedBy },
        args: [{ campaign: name, campaignId: workflowId, number, items, revocation }],
      });
      this.#waves[number] = {
        counts: countOutcomes(
          items.map(() => undefined),
          false,
        ),
      };
    } finally {
      this.#adding.delete(number);
    }
  }

  /** @throws ApplicationFailure `campaign/rejected`: a validator. */
  requireWave(number: unknown, items: unknown): void {
    if (this.#phase !== 'Preparing') reject(`It is ${this.#phase}: no wave can be added.`);
    const isNext = isCount(number) && number <= this.#waves.length && number < MAX_WAVES;
    if (!isNext || !areItems(items)) reject('This is no wave.');
  }

  /** @throws ApplicationFailure `campaign/rejected`: a validator. */
  requireComplete(waves: unknown): void {
    if (!isCount(waves)) return reject('This is no number of waves.');
    if (this.#phase !== 'Preparing' && this.#prepared) return;
    if (this.#phase !== 'Preparing') reject(`It is ${this.#phase}.`);
    if (waves < 1 || this.#waves.length !== waves || this.#adding.size > 0)
      reject(`It has ${this.#waves.length} of ${waves} waves.`);
  }

  start(): void {
    if (this.#phase !== 'Preparing') return;
    this.#prepared = true;
    this.#enter('Running');
  }

  requirePausable(): void {
    if (this.#phase !== 'Running')
      reject(`It is ${this.#phase}${this.#phase === 'Finishing' ? ': every wave has begun' : ''}.`);
  }

  pause(): void {
    this.#enter('Paused', 'A person paused it.');
  }

  requireHeld(): void {
    if (this.#phase !== 'Paused' && this.#phase !== 'Stopped') reject(`It is ${this.#phase}, not paused or stopped.`);
  }

  resume(): void {
    this.#accepted = this.counts.failing;
    this.#enter(this.#begun === this.#waves.length ? 'Finishing' : 'Running');
  }

  requireAbortable(request: unknown): void {
    if (!isAbortRequest(request)) reject('It does not say who aborts it.');
    if (this.#endedAt !== undefined || this.isAborted) reject(`It is ${this.#phase}.`);
  }

  abort(reason: string): void {
    this.#enter('Aborted', reason);
  }

  onProgress(number: number, progress: WaveProgress): void {
    const known = this.#waves[number];
    const counts = knownCounts(progress.counts);
    if (known === undefined || known.ended === true || totalOf(counts) !== totalOf(known.counts)) return;
    this.#waves[number] = { ...progress, counts };
    this.#accepted = Math.min(this.#accepted, this.counts.failing);
    this.changes += 1;
    this.#stopIfFailing();
  }

  /** The wave whose turn has come; undefined: none. */
  get nextWave(): number | undefined {
    if (this.#phase !== 'Running' || this.#begun >= this.#waves.length) return undefined;
    const last = this.#waves[this.#begun - 1];
    if (last === undefined) return this.#begun;
    if (!isAnswered(last.counts)) return undefined;
    // A canary of which all wait for their turn has shown nothing yet.
    const isUnproved = this.#isCanary && last.counts.waiting > 0 && !hasReplaced(last.counts);
    return isUnproved ? undefined : this.#begun;
  }

  get #isCanary(): boolean {
    return this.#input.canary && this.#begun === 1;
  }

  async beginNext(number: number): Promise<void> {
    this.#begun = number + 1;
    const wave = this.#waves[number];
    if (wave !== undefined) {
      const { pending, ...counts } = wave.counts;
      this.#waves[number] = { counts: { ...counts, pending: 0, requested: counts.requested + pending } };
    }
    await this.#signalWave(number, (handle) => handle.signal(beginWave));
    if (this.#begun === this.#waves.length && this.#phase === 'Running') this.#enter('Finishing');
    else this.publish();
  }

  /** Every wave has begun, and nothing is expected any more: the rest is left to the workflows of the clusters. */
  get isOver(): boolean {
    if (this.isAborted) return true;
    if (this.#isTooOld) return true;
    if (this.#phase !== 'Finishing') return false;
    const { counts } = this;
    if (isSettled(counts)) return true;
    const isStuck = isAnswered(counts) && counts.waiting + counts.revoking === 0;
    return isStuck && Date.now() >= Date.parse(this.#input.deadline);
  }

  get #isTooOld(): boolean {
    return Date.now() >= this.#startedAt + MAX_DURATION_MS;
  }

  /** When it is to be looked at again, if nothing happens (epoch milliseconds). */
  get nextCheckAt(): number {
    const deadline = Date.parse(this.#input.deadline);
    const end = this.#startedAt + MAX_DURATION_MS;
    const next = Math.min(end, this.#openWaves.length === 0 ? end : this.#wavesCheckedAt + WAVE_CHECK_MS);
    return deadline > Date.now() ? Math.min(deadline, next) : next;
  }

  /** Numbers of those that have begun and not ended. */
  get #openWaves(): readonly number[] {
    return this.#waves.flatMap(({ ended }, number) => (number < this.#begun && ended !== true ? [number] : []));
  }

  /** Finds waves that were terminated. To begin again changes nothing for one that runs. */
  async checkWaves(): Promise<void> {
    if (Date.now() < this.#wavesCheckedAt + WAVE_CHECK_MS) return;
    this.#wavesCheckedAt = Date.now();
    await Promise.all(this.#openWaves.map((number) => this.#signalWave(number, (handle) => handle.signal(beginWave))));
  }

  /** Has the waves end that have not. */
  async endWaves(): Promise<void> {
    const withdraw = this.isAborted;
    await Promise.all(
      this.#waves.map(async ({ ended }, number) => {
        if (ended !== true) await this.#signalWave(number, (handle) => handle.signal(endWave, { withdraw }));
      }),
    );
  }

  get areWavesEnded(): boolean {
    return this.#waves.every(({ ended }) => ended === true);
  }

  finish(): CampaignStatus {
    this.#endedAt = Date.now();
    const reason =
      this.#isTooOld && !this.isAborted ? 'It ended after 30 days, the longest that it may last.' : undefined;
    this.#enter(this.isAborted ? 'Aborted' : 'Completed', reason ?? this.#reason);
    return this.status();
  }

  status(): CampaignStatus {
    const { carried: _carried, ...plan } = this.#input;
    const { counts } = this;
    const now = this.#endedAt ?? Date.now();
    const waits = this.#waves.flatMap(({ waitsUntil }) => (waitsUntil === undefined ? [] : [Date.parse(waitsUntil)]));
    const replaced = this.#waves.flatMap(({ lastReplaced }) => lastReplaced ?? []).sort();
    const waitsUntil = waits.length === 0 ? undefined : Math.max(...waits);
    const isEnded = this.#endedAt !== undefined;
    const end = isEnded ? undefined : expectedEnd({ counts, activeMs: this.#activeTotal(now), now, waitsUntil });
    const lastReplaced = replaced.at(-1);
    const deadline = Date.parse(plan.deadline);
    const isOpen = !isReplaced(counts) && now > deadline;
    return {
      ...plan,
      phase: this.#phase,
      reason: this.#reason,
      startedAt: new Date(this.#startedAt).toISOString(),
      endedAt: this.#endedAt === undefined ? undefined : new Date(this.#endedAt).toISOString(),
      counts,
      waves: this.#waves,
      begun: this.#begun,
      lastReplaced,
      expectedEnd: end === undefined ? undefined : new Date(end).toISOString(),
      late: isOpen || (end ?? 0) > deadline || (lastReplaced !== undefined && Date.parse(lastReplaced) > deadline),
    };
  }

  continueAsNewInput(): RenewalCampaignInput {
    const { phase, reason, startedAt, waves, begun } = this.status();
    return {
      ...this.#input,
      carried: {
        phase,
        reason,
        startedAt,
        waves,
        begun,
        accepted: this.#accepted,
        activeMs: this.#activeTotal(Date.now()),
        prepared: this.#prepared,
      },
    };
  }

  /** Shows how far it is: details at no cost; memo and search attribute where they have changed. */
  publish(): void {
    const status = this.status();
    setCurrentDetails(campaignDetails(status));
    if (status.late && !this.#wasLate)
      log.warn('The campaign will be late', { expectedEnd: status.expectedEnd, deadline: status.deadline });
    this.#wasLate = status.late;
    const { phase, begun, late } = status;
    const published = JSON.stringify([phase, begun, late]);
    if (published === this.#published) return;
    this.#published = published;
    upsertMemo({ progress: `wave ${begun} of ${this.#waves.length}; ${countsText(status.counts)}`, late });
    upsertSearchAttributes([{ key: CertState, value: phase }]);
  }

  #enter(phase: CampaignPhase, reason?: string): void {
    const now = Date.now();
    this.changes += 1;
    this.#activeMs = this.#activeTotal(now);
    this.#phase = phase;
    this.#reason = reason;
    this.#activeSince = this.isActive ? now : undefined;
    this.publish();
  }

  #activeTotal(now: number): number {
    return this.#activeMs + (this.#activeSince === undefined ? 0 : now - this.#activeSince);
  }

  /** What has begun goes on; only where every wave has, there is nothing to stop. */
  #stopIfFailing(): void {
    if (this.#phase !== 'Running') return;
    const { stopAt } = this.#input;
    const { counts } = this;
    const canary = this.#isCanary ? this.#waves[0]?.counts : undefined;
    if (canary !== undefined && counts.failing > this.#accepted) {
      this.#enter('Stopped', `The canary has ${counts.failing} failing.`);
    } else if (canary !== undefined && isAnswered(canary) && canary.waiting === 0 && !hasReplaced(canary)) {
      this.#enter('Stopped', `The canary shows nothing: ${countsText(canary)}.`);
    } else if (exceedsThreshold(counts, stopAt, this.#accepted)) {
      this.#enter('Stopped', `${counts.failing} fail; it stops at ${thresholdText(stopAt)}.`);
    }
  }

  async #signalWave(
    number: number,
    send: (handle: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
  ): Promise<void> {
    const { workflowId } = workflowInfo();
    try {
      await send(getExternalWorkflowHandle(waveWorkflowId(workflowId, number)));
    } catch (error) {
      log.warn('A wave has no workflow any more', { number, error: String(error) });
      const wave = this.#waves[number];
      if (wave === undefined || wave.ended === true) return;
      // What it asked for goes on by itself; what has become of it, its query `waveStatus` has.
      const replaced = wave.counts.replaced + wave.counts.revoking;
      const counts = { ...NO_COUNTS, replaced, skipped: totalOf(wave.counts) - replaced };
      this.#waves[number] = { ...wave, counts, waitsUntil: undefined, ended: true };
      this.changes += 1;
    }
  }
}

function hasReplaced({ replaced, revoking }: CampaignCounts): boolean {
  return replaced + revoking > 0;
}

function reject(message: string): never {
  throw ApplicationFailure.create({ type: 'campaign/rejected', message, nonRetryable: true });
}
