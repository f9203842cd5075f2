/**
 * Activities by outside system. They throw only `ApplicationFailure` of a `FailureCode`, with details `[FailureInfo]`.
 * No input or result carries a private key, a credential or a challenge token. No input is trusted: who can write to the
 * Temporal namespace can start any activity. Each acts on what the object on the management cluster asks for, read by
 * uid, and on what an earlier activity sealed for that object; it refuses the rest with `kubernetes/notAskedFor`.
 */
import type { AcmeActivities } from './activities/acme.ts';
import type { DnsActivities, PropagationActivities } from './activities/dns.ts';
import type { KubernetesActivities } from './activities/kubernetes.ts';
import type { OrderActivities } from './activities/order.ts';
import type { WatchActivities } from './activities/watch.ts';

/** Every activity, for proxies and for the worker. */
export interface Activities
  extends AcmeActivities,
    DnsActivities,
    PropagationActivities,
    OrderActivities,
    KubernetesActivities,
    WatchActivities {}
