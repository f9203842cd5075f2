import { type PollClient, Poller, type PollResult } from '../../../src/controller/poller.ts';

const DEFAULTS = {
  concurrency: 1,
  failurePauseMs: { first: 1, max: 1 },
  outageMessages: { failing: 'failing', recovered: 'recovered' },
} as const;

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/** A client, but for what {@link startPoller} has by default. */
export type TestPollClient<Subject> = Omit<PollClient<Subject>, keyof typeof DEFAULTS> &
  Partial<Pick<PollClient<Subject>, keyof typeof DEFAULTS>>;

/** Starts a poller that asks for one subject at a time, and asks again at once after a failure. */
export function startPoller<Subject>(client: TestPollClient<Subject>, signal: AbortSignal): Poller<Subject> {
  const poller = new Poller({ ...DEFAULTS, ...client }, { logger: SILENT, signal });
  poller.run().catch(() => undefined);
  return poller;
}

/** The same of subjects that are their own keys, of one host, each of which is answered. @param nextPollAt epoch milliseconds. */
export function startKeyPoller(
  client: Pick<PollClient<string>, 'changes'> & Partial<PollClient<string>>,
  nextPollAt: () => number,
  signal: AbortSignal,
): { readonly poller: Poller<string>; readonly polled: readonly number[] } {
  const polled: number[] = [];
  const answer = (): PollResult => {
    polled.push(Date.now());
    return { kind: 'answered', nextPollAt: nextPollAt() };
  };
  const keys: TestPollClient<string> = {
    find: (key) => key,
    keyOf: (subject) => subject,
    hostOf: () => 'host',
    poll: (batch) => Promise.resolve(batch.map(answer)),
    ...client,
  };
  return { poller: startPoller(keys, signal), polled };
}
