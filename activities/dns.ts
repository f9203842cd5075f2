import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { DnsActivities, PropagationActivities, PublishedRecords } from '../src/contract/activities.ts';
import type { PropagationCheck } from '../src/dns/propagation-check.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { CertmanError, withOutcomeUnknown } from '../src/failures/failure.ts';
import { heartbeat, wrapActivity } from './wrap-activity.ts';

/** What an attempt records for the next one: the publication whose change is not live yet. */
const pendingPublicationSchema = z.object({
  zoneId: z.string().max(512),
  nameServers: z.array(z.string().max(255)).max(32),
  change: z.string().max(512),
});

/** Creates the activities that publish and withdraw the TXT records of DNS-01 challenges (RFC 8555 §8.4). */
export function createDnsActivities(dns: DnsProvider): DnsActivities {
  return {
    publishTxtRecords: wrapActivity(async ({ zone, records, waitingSince }): Promise<PublishedRecords> => {
      const { info, cancellationSignal: signal } = Context.current();
      const pending = pendingPublicationSchema.safeParse(info.heartbeatDetails).data;
      // An attempt whose worker died may have sent its change without recording it.
      let mayBeSent = info.attempt > 1;
      try {
        const since = waitingSince === undefined ? info.scheduledTimestampMs : Date.parse(waitingSince);
        const { change, ...published } = pending ?? (await dns.publish(zone, records, signal, since));
        if (change === undefined) return published;
        mayBeSent = true;
        heartbeat({ ...published, change });
        await dns.awaitLive(zone, change, signal);
        return published;
      } catch (error) {
        throw mayBeSent && error instanceof CertmanError ? withOutcomeUnknown(error) : error;
      }
    }),

    withdrawTxtRecords: wrapActivity(async ({ zone, records }): Promise<void> => {
      await dns.withdraw(zone, records, Context.current().cancellationSignal);
    }),
  };
}

/** Creates the activity that verifies that TXT records are visible in public DNS before the CA validates them. */
export function createPropagationActivities(propagation: PropagationCheck): PropagationActivities {
  return {
    verifyPropagation: wrapActivity(async (input) => {
      const { info, cancellationSignal: signal } = Context.current();
      return { seenBy: await propagation.verify({ ...input, attempt: info.attempt }, signal) };
    }),
  };
}
