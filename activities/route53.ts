/** Route 53: the TXT records that answer DNS-01 challenges (RFC 8555 §8.4). */
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { DnsProvider } from '../src/dns/provider.ts';
import { afterSending, CertmanError } from '../src/failures/failure.ts';
import { heartbeat, withBoundary } from './boundary.ts';
import type { PublishedRecords, Route53Activities } from './contract.ts';

export interface Route53ActivityDeps {
  readonly dns: DnsProvider;
}

/** What an attempt leaves for the next one: the change that is still to become INSYNC. */
const unsettledPublication = z.object({
  zoneId: z.string().max(64),
  nameServers: z.array(z.string().max(255)).max(32),
  changeId: z.string().max(64),
});

export function createRoute53Activities({ dns }: Route53ActivityDeps): Route53Activities {
  return {
    publishTxtRecords: withBoundary(async ({ zone, records }): Promise<PublishedRecords> => {
      const { info, cancellationSignal: signal } = Context.current();
      const earlier = unsettledPublication.safeParse(info.heartbeatDetails);
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
        throw mayBeSent && error instanceof CertmanError ? afterSending(error) : error;
      }
    }),

    withdrawTxtRecords: withBoundary(async ({ zone, records }): Promise<void> => {
      await dns.withdraw(zone, records, Context.current().cancellationSignal);
    }),
  };
}
