/** Route 53: the TXT records that answer DNS-01 challenges (RFC 8555 §8.4). */
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { DnsActivities, PublishedRecords } from '../src/contract/activities.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { CertmanError, withOutcomeUnknown } from '../src/failures/failure.ts';
import { heartbeat, wrapActivity } from './wrap-activity.ts';

export interface DnsActivityDeps {
  readonly dns: DnsProvider;
}

/** What an attempt leaves for the next one: the change that is still to become INSYNC. */
const pendingChangeSchema = z.object({
  zoneId: z.string().max(64),
  nameServers: z.array(z.string().max(255)).max(32),
  changeId: z.string().max(64),
});

export function createDnsActivities({ dns }: DnsActivityDeps): DnsActivities {
  return {
    publishTxtRecords: wrapActivity(async ({ zone, records }): Promise<PublishedRecords> => {
      const { info, cancellationSignal: signal } = Context.current();
      const earlier = pendingChangeSchema.safeParse(info.heartbeatDetails);
      // An attempt whose worker died may have sent its change without having said so.
      let mayBeSent = info.attempt > 1;
      try {
        const { changeId, ...published } = earlier.success ? earlier.data : await dns.publish(zone, records, signal);
        if (changeId === undefined) return published;
        mayBeSent = true;
        heartbeat({ ...published, changeId });
        await dns.awaitChange(zone, changeId, signal);
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
