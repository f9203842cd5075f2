import { describe, expect, it } from 'vitest';
import { createDnsActivities } from '../../../../activities/dns.ts';
import type { PlatformProvider } from '../../../../src/dns/registry.ts';
import { record, useRoute53 } from '../../../support/dns/route53-harness.ts';
import { SEALED, SEALS, sealedInput } from '../../../support/dns/sealed-records.ts';
import { failureOf, runActivity } from '../../../support/temporal/run-activity.ts';

const lab = useRoute53();

const input = () => sealedInput(lab.here(), [record(lab.zoneName)]);
type Input = ReturnType<typeof input>;
const publishing = (dns: PlatformProvider) => (given: Input) =>
  createDnsActivities(dns, SEALED).publishTxtRecords(given);
const withdrawing = (dns: PlatformProvider) => (given: Input) =>
  createDnsActivities(dns, SEALED).withdrawTxtRecords(given);

describe('the activities', () => {
  it('publish, say where, and withdraw', async () => {
    const dns = lab.provider();
    expect(await runActivity(publishing(dns), input())).toEqual({
      zoneId: lab.zoneId,
      nameServers: [],
      seal: expect.any(String),
    });
    await runActivity(withdrawing(dns), input());
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('leave a change that stays PENDING to the next attempt, which does not change again', async () => {
    lab.proxy.rewrite = (body) => body.replaceAll('INSYNC', 'PENDING');
    const publishTxtRecords = publishing(lab.provider({ expectedLiveMs: 2_000 }));
    let details: unknown;
    const onHeartbeat = (seen: unknown): void => {
      details = seen;
    };
    const failure = await failureOf(runActivity(publishTxtRecords, input(), { onHeartbeat }));
    expect(failure).toMatchObject({ code: 'dns/pending', retryDelayMs: expect.any(Number) });
    expect(details).toMatchObject({ zoneId: lab.zoneId, change: expect.any(String) });
    expect(lab.proxy.counts()).not.toHaveProperty('GetChange');
    lab.proxy.rewrite = (body) => body;
    lab.proxy.requests.length = 0;
    await new Promise((resolve) => setTimeout(resolve, failure.retryDelayMs));
    const published = await runActivity(publishTxtRecords, input(), { attempt: 2, heartbeatDetails: details });
    expect(published).toEqual({ zoneId: lab.zoneId, nameServers: [], seal: expect.any(String) });
    expect(lab.proxy.counts()).toEqual({ GetChange: 1 });
  });

  it('say of a failure whether the records may be there all the same', async () => {
    lab.kubernetes.objects.clear();
    const publishTxtRecords = publishing(lab.provider());
    const first = await failureOf(runActivity(publishTxtRecords, input()));
    expect(first).toMatchObject({ code: 'dns/credentialsMissing' });
    expect(first).not.toHaveProperty('outcomeUnknown');
    const { cluster, zone } = input();
    const seal = SEALS.seal(cluster, { of: 'nameServers', zoneName: zone.zoneName, nameServers: [] });
    const heartbeatDetails = { zoneId: lab.zoneId, nameServers: [], change: 'C1', seal };
    const sent = { code: 'dns/credentialsMissing', message: first.message, remedy: first.remedy, outcomeUnknown: true };
    expect(await failureOf(runActivity(publishTxtRecords, input(), { heartbeatDetails }))).toMatchObject(sent);
    // The worker of the first attempt may have died between the change and the heartbeat.
    expect(await failureOf(runActivity(publishTxtRecords, input(), { attempt: 2 }))).toMatchObject(sent);
  });

  it('publish nothing when the name servers of the zone may not be asked for', async () => {
    lab.proxy.refuse = ({ method, path }) =>
      method === 'GET' && /\/hostedzone\/[^/?]+$/.test(path)
        ? { status: 403, code: 'AccessDenied', message: 'Not this one.' }
        : undefined;
    const publishTxtRecords = publishing(lab.provider({ needsNameServers: true }));
    const failure = await failureOf(runActivity(publishTxtRecords, input()));
    expect(failure).toMatchObject({ code: 'dns/accessDenied' });
    expect(failure).not.toHaveProperty('outcomeUnknown');
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });

  it('leave the batch when they are cancelled before it is sent', async () => {
    const publishTxtRecords = publishing(lab.provider({ batchWindowMs: 300 }, { requestsPerSecond: 50 }));
    const running = runActivity(publishTxtRecords, input(), {
      onStart: (cancel) => {
        // A batch collects for 100 ms at least: of two timers, the earlier one runs first, however slow the machine is.
        setTimeout(cancel, 50);
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await lab.moto.txtSets(lab.zoneId)).toEqual({});
  });
});
