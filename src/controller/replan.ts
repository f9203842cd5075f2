import { LRUCache } from 'lru-cache';
import { plannedRenewal } from '../certificates/planned-renewal.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { renewalPolicyOf } from '../kubernetes/objects/renewal-policy-annotation.ts';
import type { CertificateInUse } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { inSlices } from './in-slices.ts';
import { keyOf } from './namespaced-name.ts';

/** In one resync: after a change of the setting, a large fleet is re-evaluated over hours, and nothing is due meanwhile. */
const MAX_PER_RESYNC = 500;
/** Until an evaluation shows another plan: a worker that has the setting's previous value may have done it. */
const SIGNAL_TTL_MS = 3_600_000;
/** A smaller difference, as a share of the lifetime, is not that of a policy. */
const MIN_DIFFERENCE_SHARE = 1 / 20;

/** Has certificates planned anew whose renewal another policy planned: the setting may change while workflows sleep. */
export class Replanning {
  readonly #context: ControllerContext;
  /** By uid of the request: the renewal time that was signalled. */
  readonly #recent = new LRUCache<string, number>({ ttl: SIGNAL_TTL_MS, ttlAutopurge: true });

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** @returns the number of workflows that were signalled. */
  async run(): Promise<number> {
    const found: { readonly certificate: CertificateInUse; readonly renewalTime: number }[] = [];
    for await (const slice of inSlices(this.#requests())) {
      for (const request of slice) {
        if (found.length >= MAX_PER_RESYNC) break;
        const renewalTime = this.#otherPlanOf(request, Date.now());
        if (renewalTime === undefined || this.#recent.get(request.uid) === renewalTime) continue;
        const certificate = this.#context.cache.certificateInUse(keyOf(request), Date.now());
        if (certificate !== undefined) found.push({ certificate, renewalTime });
      }
    }
    await Promise.all(
      found.map(async ({ certificate: { cluster, request }, renewalTime }) => {
        const { policy } = renewalPolicyOf(request, this.#context.settings.renewalPolicy);
        this.#recent.set(request.uid, renewalTime);
        await this.#context.signaller.reevaluate(cluster, `The renewal policy of ${request.name} is ${policy} now.`);
      }),
    );
    return found.length;
  }

  /** Of what is there at the first step. */
  *#requests(): Generator<ObservedRequest> {
    yield* Array.from(this.#context.cache.requests.all());
  }

  /**
   * The renewal time by the present policy, where that of the status is another one (epoch milliseconds). A renewal that
   * the present policy would have made already keeps its plan (`evaluation.ts`).
   */
  #otherPlanOf(request: ObservedRequest, now: number): number | undefined {
    const { namespace, name, notBefore, notAfter, certId, suggestedWindow, renewBeforeDays, nextAttempt } = request;
    const { renewalAt: planned = 0 } = request;
    if (notBefore === undefined || notAfter === undefined || nextAttempt !== undefined || planned <= now) {
      return undefined;
    }
    const { policy } = renewalPolicyOf(request, this.#context.settings.renewalPolicy);
    const { at } = plannedRenewal(
      { notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString(), certId },
      { jitterKey: `${namespace}/${name}`, now, renewBeforeDays, policy, suggestedWindow },
    );
    const isOther = Math.abs(at - planned) > (notAfter - notBefore) * MIN_DIFFERENCE_SHARE;
    return at > now && isOther ? at : undefined;
  }
}
