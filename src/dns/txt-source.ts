/** Who can be asked about TXT records, and how a name is followed there. */
import type { TxtResponse } from './dns-message.ts';

export interface TxtSource {
  /** As a person would name it in a message. */
  readonly name: string;
  /** Bounded in time; never rejects: what keeps it from answering is a `silent` reply. */
  queryTxt(name: string): Promise<TxtResponse>;
}

/** RFC 1034 §3.6.2 asks for chains to be followed without a number; this is more than anybody needs. */
const MAX_CNAME_HOPS = 8;

/** Asks again for the target for as long as the answer is only an alias. */
export async function queryFollowingCnames(source: TxtSource, name: string): Promise<TxtResponse> {
  const seen = new Set([name]);
  let current = name;
  for (let hop = 0; hop < MAX_CNAME_HOPS; hop++) {
    const reply = await source.queryTxt(current);
    if (reply.kind !== 'alias') return reply;
    if (seen.has(reply.target)) return { kind: 'silent', why: `the aliases of ${name} lead in a circle` };
    seen.add(reply.target);
    current = reply.target;
  }
  return { kind: 'silent', why: `${name} has more than ${MAX_CNAME_HOPS} aliases behind each other` };
}

/** Concurrent orders ask for the same names: questions of the same moment share one answer. */
export class CoalescingSource implements TxtSource {
  readonly name: string;
  readonly #source: TxtSource;
  readonly #shareMs: number;
  readonly #asked = new Map<string, { readonly reply: Promise<TxtResponse>; readonly at: number }>();

  /** @param shareMs how old a question may be for its answer to be shared: young enough not to have been asked before publication. */
  constructor(source: TxtSource, shareMs: number) {
    this.name = source.name;
    this.#source = source;
    this.#shareMs = shareMs;
  }

  queryTxt(name: string): Promise<TxtResponse> {
    const now = performance.now();
    // The map is in the order of asking: what is too old to be shared is at its front.
    for (const [old, { at }] of this.#asked) {
      if (now - at < this.#shareMs) break;
      this.#asked.delete(old);
    }
    const asked = this.#asked.get(name);
    if (asked !== undefined) return asked.reply;
    const reply = this.#source.queryTxt(name);
    this.#asked.set(name, { reply, at: now });
    return reply;
  }
}
