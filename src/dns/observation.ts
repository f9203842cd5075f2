import { counted } from '../failures/counted.ts';
import type { TxtResponse } from './dns-message.ts';

const MAX_SUMMARY_LENGTH = 700;

/** What one server answers about all records of an order together. */
export type TxtObservation =
  | { readonly by: string; readonly kind: 'seen' }
  /** `saw`: what it answered instead; `retrySeconds`: for how long its cache may keep that answer. */
  | { readonly by: string; readonly kind: 'missing'; readonly saw: string; readonly retrySeconds?: number }
  /** Neither seen nor missing: unreachable, refused, failed. */
  | { readonly by: string; readonly kind: 'inconclusive'; readonly why: string };

/** What a response says about the wanted values of one name. */
export function observe(by: string, name: string, values: readonly string[], response: TxtResponse): TxtObservation {
  switch (response.kind) {
    case 'inconclusive':
      return { by, kind: 'inconclusive', why: response.why };
    case 'alias':
      return { by, kind: 'inconclusive', why: `it knows ${name} only as an alias of ${response.target}` };
    case 'absent':
      return { by, kind: 'missing', saw: `no TXT at ${name}`, retrySeconds: response.ttlSeconds };
    case 'values': {
      const absent = values.filter((value) => !response.values.includes(value)).length;
      if (absent === 0) return { by, kind: 'seen' };
      const others = response.values.length - (values.length - absent);
      const saw = `${absent} of ${counted(values.length, 'value')} missing at ${name}, ${others} other there`;
      return { by, kind: 'missing', saw, retrySeconds: response.ttlSeconds };
    }
  }
}

/** One server's observations of several names as one: a miss of any counts before an inconclusive one. */
export function combine(by: string, observations: readonly TxtObservation[]): TxtObservation {
  const missing = observations.filter((observation) => observation.kind === 'missing');
  if (missing.length === 0) return observations.find(({ kind }) => kind === 'inconclusive') ?? { by, kind: 'seen' };
  const saw = missing.map((one) => one.saw).join(', ');
  const retrySeconds = Math.max(...missing.map((one) => one.retrySeconds ?? 0));
  return { by, kind: 'missing', saw, retrySeconds };
}

/** Observations as the end of a sentence. */
export function summarize(observations: readonly TxtObservation[]): string {
  const text = observations
    .map((one) => {
      if (one.kind === 'seen') return `${one.by} sees all`;
      if (one.kind === 'inconclusive') return `${one.by}: ${one.why}`;
      const seconds = Math.ceil(one.retrySeconds ?? 0);
      return `${one.by}: ${one.saw}${seconds > 0 ? ` (it may keep that for ${seconds} s)` : ''}`;
    })
    .join('; ');
  return text.length > MAX_SUMMARY_LENGTH ? `${text.slice(0, MAX_SUMMARY_LENGTH)}…` : text;
}

/** `majority`: more than half of the conclusive answers. A number: that many, also when others are inconclusive. */
export type Quorum = 'majority' | number;

/** What the observations of all resolvers amount to. */
export type QuorumResult =
  | { readonly kind: 'visible'; readonly seenBy: readonly string[] }
  /** `retrySeconds`: when the caches of enough resolvers have expired, where they say so. */
  | { readonly kind: 'notVisible'; readonly retrySeconds?: number }
  | { readonly kind: 'undecided' };

/** Counts the observations of resolvers against a quorum. */
export function evaluateQuorum(observations: readonly TxtObservation[], quorum: Quorum): QuorumResult {
  const seen = observations.filter(({ kind }) => kind === 'seen');
  const missing = observations.filter((observation) => observation.kind === 'missing');
  const answered = seen.length + missing.length;
  const needed = quorum === 'majority' ? Math.floor(answered / 2) + 1 : Math.min(quorum, observations.length);
  if (answered > 0 && seen.length >= needed) return { kind: 'visible', seenBy: seen.map(({ by }) => by) };
  if (missing.length === 0 || answered < needed) return { kind: 'undecided' };
  const delays = missing.map(({ retrySeconds = 0 }) => retrySeconds).toSorted((a, b) => a - b);
  return { kind: 'notVisible', retrySeconds: delays[needed - seen.length - 1] || undefined };
}
