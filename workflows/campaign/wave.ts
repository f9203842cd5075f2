import { getExternalWorkflowHandle, log, workflowInfo } from '@temporalio/workflow';
import { isSettled } from '../../src/campaigns/expectation.ts';
import { type CampaignOutcome, countOutcomes, isExpectedLater, isFinal } from '../../src/campaigns/outcome.ts';
import { campaignRequested, campaignWithdrawn } from '../../src/contract/campaign-request.ts';
import {
  type CampaignItem,
  type CampaignWaveInput,
  MAX_WAVE_SIZE,
  type WaveProgress,
  type WaveStatus,
  waveProgressed,
} from '../../src/contract/renewal-campaign.ts';
import { fieldsOf, isListOf, isText } from '../../src/contract/shape.ts';

const HOUR_MS = 3_600_000;

/** Those without a final outcome are asked again after so long, and after twice as long each time. */
const FIRST_REPEAT_MS = HOUR_MS;
const MAX_REPEAT_MS = 24 * HOUR_MS;

/** A timer that fires so late shows that no worker ran: its clusters could not answer either. */
const MAX_LATENESS_MS = 300_000;

/** Of the 2,000 that the server allows in a run. */
const MAX_SIGNALS_AT_ONCE = 50;

const NO_WORKFLOW = 'It has no workflow any more: the cluster was deleted, or is not served.';
const NOT_REVOKED = 'not revoked: the campaign was aborted before';
const NO_ANSWER: CampaignOutcome = {
  kind: 'failing',
  code: 'worker/lost',
  message:
    'Its workflow has not answered within an hour: no worker of its management cluster runs, or the order takes so long. It is asked again.',
};

/** The state of a run of `campaignWave`. */
export class Wave {
  readonly #input: CampaignWaveInput;
  readonly #outcomes: (CampaignOutcome | undefined)[];
  #begunAt: number | undefined;
  /** Times that its clusters were asked, and when they were last. */
  #asked: number;
  #askedAt: number;
  #reported = '';
  /** An outcome that the campaign must know at once. */
  #isPressing = false;
  ending: { readonly withdraw: boolean } | undefined;

  constructor(input: CampaignWaveInput) {
    const { carried, items } = input;
    this.#input = input;
    this.#outcomes = items.map((_, index) => carried?.outcomes[index] ?? undefined);
    this.#begunAt = carried?.begunAt === undefined ? undefined : Date.parse(carried.begunAt);
    this.#asked = carried?.asked ?? 0;
    this.#askedAt = Date.parse(carried?.askedAt ?? '') || (this.#begunAt ?? 0);
  }

  get begun(): boolean {
    return this.#begunAt !== undefined;
  }

  begin(): void {
    this.#begunAt ??= Date.now();
  }

  onAnswer(item: number, outcome: CampaignOutcome): void {
    const before = this.#outcomes[item];
    // Nothing follows a final one.
    if (this.#input.items[item] === undefined || isFinal(before)) return;
    this.#outcomes[item] = outcome;
    const { requested } = countOutcomes(this.#outcomes, true);
    if (requested === 0 || (outcome.kind === 'failing' && before?.kind !== 'failing')) this.#isPressing = true;
  }

  get isSettled(): boolean {
    return isSettled(countOutcomes(this.#outcomes, this.begun));
  }

  get isPressing(): boolean {
    return this.#isPressing;
  }

  /** Whether the campaign does not know how far it is. */
  get isUnreported(): boolean {
    return JSON.stringify(this.#progress()) !== this.#reported;
  }

  /** When its clusters are asked next (epoch milliseconds). */
  get nextAskAt(): number {
    return this.#asked === 0 ? 0 : this.#askedAt + repeatMs(this.#asked - 1);
  }

  /** Asks the workflows of those that have no final outcome, and none for later. One that is gone is skipped. */
  async ask(): Promise<void> {
    const now = Date.now();
    const isLate = this.#asked > 0 && now > this.nextAskAt + MAX_LATENESS_MS;
    if (!isLate) this.#asked += 1;
    this.#askedAt = now;
    const { items, campaign, revocation } = this.#input;
    const { workflowId: wave } = workflowInfo();
    // Who has not answered until now counts as failed, so that no wave waits for ever.
    if (this.#asked > 1 && !isLate) {
      this.#outcomes.forEach((outcome, index) => {
        if (outcome === undefined) this.onAnswer(index, NO_ANSWER);
      });
    }
    await this.#signalEach(
      items.flatMap((_, index) => {
        const outcome = this.#outcomes[index];
        return isFinal(outcome) || isExpectedLater(outcome, now) ? [] : [index];
      }),
      async (index, { workflowId, bundleName, serialNumber }) => {
        const request = { campaign, wave, item: index, bundleName, serialNumber, revocation };
        try {
          await getExternalWorkflowHandle(workflowId).signal(campaignRequested, request);
        } catch (error) {
          log.info('A cluster of a campaign has no workflow', { workflowId, error: String(error) });
          this.onAnswer(index, { kind: 'skipped', message: NO_WORKFLOW });
        }
      },
    );
  }

  /** Has those without a final outcome drop the request. */
  async withdraw(): Promise<void> {
    const { items } = this.#input;
    const { workflowId: wave } = workflowInfo();
    const open = items.flatMap((_, index) => (isFinal(this.#outcomes[index]) ? [] : [index]));
    const first = new Map(open.map((index) => [items[index]?.workflowId, index]));
    await this.#signalEach([...first.values()], async (_index, { workflowId }) => {
      try {
        await getExternalWorkflowHandle(workflowId).signal(campaignWithdrawn, { wave });
      } catch (error) {
        log.info('A cluster of a campaign has no workflow', { workflowId, error: String(error) });
      }
    });
    this.#outcomes.forEach((outcome, index) => {
      if (outcome?.kind !== 'revoking') return;
      const { serialNumber, at } = outcome;
      this.#outcomes[index] = { kind: 'replaced', serialNumber, at, revocation: NOT_REVOKED };
    });
  }

  /** Signals to the campaign how far it is. */
  async report(ended?: true): Promise<void> {
    const { campaignId, number } = this.#input;
    const progress = this.#progress();
    this.#reported = JSON.stringify(progress);
    this.#isPressing = false;
    try {
      await getExternalWorkflowHandle(campaignId).signal(waveProgressed, { number, progress: { ...progress, ended } });
    } catch (error) {
      log.warn('The campaign of a wave has no workflow any more: the wave ends', { campaignId, error: String(error) });
      this.ending ??= { withdraw: true };
    }
  }

  status(): WaveStatus {
    return {
      items: this.#input.items.map((item, index) => ({ ...item, outcome: this.#outcomes[index] })),
      begunAt: this.#begunAt === undefined ? undefined : new Date(this.#begunAt).toISOString(),
    };
  }

  continueAsNewInput(): CampaignWaveInput {
    const { begunAt } = this.status();
    const outcomes = this.#outcomes.map((outcome) => outcome ?? null);
    const askedAt = this.#asked === 0 ? undefined : new Date(this.#askedAt).toISOString();
    return { ...this.#input, carried: { outcomes, begunAt, asked: this.#asked, askedAt } };
  }

  #progress(): WaveProgress {
    const counts = countOutcomes(this.#outcomes, this.begun);
    const waits = this.#outcomes.flatMap((outcome) => (outcome?.kind === 'waiting' ? [outcome.until] : []));
    const replaced = this.#outcomes.flatMap((outcome) =>
      outcome?.kind === 'replaced' || outcome?.kind === 'revoking' ? [outcome.at] : [],
    );
    return { counts, waitsUntil: latest(waits), lastReplaced: latest(replaced) };
  }

  async #signalEach(indexes: readonly number[], send: (index: number, item: CampaignItem) => Promise<void>) {
    const left = [...indexes];
    while (left.length > 0) {
      await Promise.all(
        left.splice(0, MAX_SIGNALS_AT_ONCE).map(async (index) => {
          const item = this.#input.items[index];
          if (item !== undefined) await send(index, item);
        }),
      );
    }
  }
}

/** Whether a wave can work with these. They come from any client of the namespace. */
export function areItems(items: unknown): items is readonly CampaignItem[] {
  return isListOf(items, MAX_WAVE_SIZE, isItem) && items.length > 0;
}

function isItem(item: unknown): item is CampaignItem {
  const { workflowId, cluster, bundleName, serialNumber } = fieldsOf<CampaignItem>(item);
  return [workflowId, cluster, bundleName, serialNumber].every((text) => isText(text, 600));
}

function repeatMs(time: number): number {
  return Math.min(MAX_REPEAT_MS, FIRST_REPEAT_MS * 2 ** time);
}

function latest(instants: readonly string[]): string | undefined {
  return instants.reduce<string | undefined>(
    (last, one) => (last === undefined || Date.parse(one) > Date.parse(last) ? one : last),
    undefined,
  );
}
