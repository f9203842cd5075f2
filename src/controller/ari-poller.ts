import { LRUCache } from 'lru-cache';
import type { AcmeClient } from '../acme/client.ts';
import { DEFAULT_ARI_POLL_INTERVAL_MS, fetchRenewalInfo } from '../acme/renewal-info.ts';
import { changeDigestOf } from '../certificates/digest.ts';
import { followsWindow } from '../certificates/planned-renewal.ts';
import { changesRenewalTime, type RenewalWindow } from '../certificates/renewal-window.ts';
import { renewalWindowChanged } from '../contract/cluster-certificates.ts';
import { CertmanError } from '../failures/failure.ts';
import { renewalPolicyOf } from '../kubernetes/objects/renewal-policy-annotation.ts';
import { type CertificateInUse, takeAll } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { keyOf } from './namespaced-name.ts';
import type { PollClient, PollResult } from './poller.ts';

/** A failing certificate is not the next one to be tried: it may be the cause. */
const FAILED_RETRY_MS = 10 * 60_000;
/** The CA offers no renewal information, or is not the issuer; either may change. */
const SKIPPED_RETRY_MS = 3_600_000;
/** In a fleet that renews all at once, a workflow may take this long to show a signalled window in the status. */
const SIGNAL_TTL_MS = 3_600_000;

interface PolledCertificate extends CertificateInUse {
  readonly certId: string;
}

/** Polls renewal information (RFC 9773), and signals clusters whose certificate is to be renewed at another time. */
export function ariPollClient(context: ControllerContext): PollClient<PolledCertificate> {
  const { cache, ca, fallbackCas = [], workflows, signaller, settings, metrics, logger, signal } = context;
  const changed = cache.changedRequests();
  /** By `namespace/name`. */
  const recentSignals = new LRUCache<string, RenewalWindow>({ ttl: SIGNAL_TTL_MS, ttlAutopurge: true });

  /** The fallback CA that issued it; undefined: the first CA is asked. */
  const fallbackOf = (certificate: PolledCertificate | undefined) =>
    fallbackCas.find(({ name }) => name === certificate?.request.acmeServer);

  /** @returns false when Temporal refused the signal. */
  const signalIfMoved = async (certificate: PolledCertificate, window: RenewalWindow): Promise<boolean> => {
    const { cluster, bundleName, certId } = certificate;
    // The status may be newer than the poll. A new worker polls all: what the status shows is not signalled again.
    const current = cache.requests.get(certificate.request) ?? certificate.request;
    const recent = recentSignals.get(keyOf(current));
    const suggestedWindow = recent?.certId === certId ? recent : current.suggestedWindow;
    const { policy } = renewalPolicyOf(current, settings.renewalPolicy);
    const { renewBeforeDays } = current;
    const plannedFor = current.renewalAt === undefined ? undefined : new Date(current.renewalAt).toISOString();
    const known = {
      renewalTime: plannedFor,
      suggestedWindow,
      followsWindow: followsWindow({ renewBeforeDays, policy }),
    };
    if (current.certId !== certId || !changesRenewalTime(window, known, Date.now())) return true;
    // Of a renewal that follows it, the first window is no change, unless the CA wants it now.
    const isFirst = known.followsWindow && suggestedWindow?.certId !== certId && isAhead(window);
    return await signaller.inOrder(cluster, async () => {
      await workflows.signal(cluster, renewalWindowChanged, { bundleName, window });
      recentSignals.set(keyOf(current), window);
      if (!isFirst) metrics.ariWindowChanges.inc();
      logger.info(
        { cluster: keyOf(cluster), bundle: bundleName, window, plannedFor },
        isFirst ? 'The CA suggests a time for a renewal' : 'The CA suggests another time for a renewal',
      );
    });
  };

  const pollOne = async (client: AcmeClient, certificate: PolledCertificate): Promise<PollResult> => {
    const { certId, request } = certificate;
    const now = Date.now();
    const skipped: PollResult = { kind: 'skipped', nextPollAt: now + SKIPPED_RETRY_MS };
    if (request.acmeServer !== undefined && request.acmeServer !== client.host) return skipped;
    try {
      const info = await fetchRenewalInfo(client, certId);
      if (info.kind === 'notOffered') return skipped;
      if (info.kind === 'unknownCertificate') return { kind: 'responded', nextPollAt: info.nextPoll.getTime() };
      const taken = await signalIfMoved(certificate, info.window);
      const nextPollAt = taken ? info.nextPoll.getTime() : now + settings.resyncIntervalMs;
      return { kind: 'answered', nextPollAt };
    } catch (failure) {
      signal.throwIfAborted();
      if (!(failure instanceof CertmanError) || failure.code === 'temporal/unreachable') throw failure;
      if (failure.code !== 'acme/unexpected') return { kind: 'failed', nextPollAt: now + FAILED_RETRY_MS, failure };
      logger.warn(
        { request: keyOf(request), problem: failure.message },
        'Renewal information of the CA is unusable; this renewal goes by its own time',
      );
      return { kind: 'skipped', nextPollAt: now + DEFAULT_ARI_POLL_INTERVAL_MS };
    }
  };

  return {
    // With a batch each 200 ms, fifty a second: a twentieth of Let's Encrypt's limit for an address.
    concurrency: 10,
    failurePauseMs: { first: 5_000, max: 5 * 60_000 },
    outageMessages: {
      failing: 'The CA gives no renewal information; renewals go by their own time',
      recovered: 'The CA gives renewal information again',
    },
    changes: () => takeAll(changed),
    // RFC 9773 §4.3: not certificates that have expired or were replaced.
    find(key) {
      const certificate = cache.certificateInUse(key, Date.now());
      const certId = certificate?.request.certId;
      return certificate && certId !== undefined ? { ...certificate, certId } : undefined;
    },
    keyOf: ({ request }) => keyOf(request),
    // A digest: the text would be kept beside the plan.
    versionOf: ({ certId }) => changeDigestOf(certId),
    hostOf: (certificate) => fallbackOf(certificate)?.name ?? 'CA',
    poll: (batch) =>
      (fallbackOf(batch[0]) ?? ca).withClient(async (client) => {
        await client.directory();
        return await Promise.all(batch.map((certificate) => pollOne(client, certificate)));
      }, signal),
  };
}

function isAhead({ start }: RenewalWindow): boolean {
  return Date.parse(start) > Date.now();
}
