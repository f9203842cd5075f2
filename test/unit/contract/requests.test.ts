import { expect, test } from 'vitest';
import { explain } from '../../../src/cli/explain/explanation.ts';
import { formatExplanation } from '../../../src/cli/explain/explanation-text.ts';
import { formatCluster } from '../../../src/cli/status/status-view.ts';
import type { PendingCampaign } from '../../../src/contract/campaign-request.ts';
import { conditionsFor } from '../../../src/contract/conditions.ts';
import { requestMessages } from '../../../src/contract/requests.ts';
import { CERTIFICATE, READY, recordOf } from '../../support/workflows/bundle-records.ts';

const CAMPAIGN: PendingCampaign = {
  campaign: 'leak',
  wave: 'campaign/hive/leak/wave/1',
  item: 0,
  bundleName: 'primary',
  serialNumber: '7',
  revocation: { reason: 1, delayMs: 0 },
};
const RENEWAL = { requestedAt: '2026-12-01T00:00:00.000Z', until: '2026-12-08T00:00:00.000Z', serialNumber: '7' };

test('says what an operator and a campaign have asked for, in status and explain', () => {
  const requests = requestMessages({ renewalRequest: RENEWAL, campaigns: [CAMPAIGN] });
  expect(requests).toEqual([
    expect.stringMatching(/^An operator requested a renewal at 2026-12-01.* until 2026-12-08/),
    'The campaign leak asks to replace certificate 7, which is revoked then.',
  ]);
  const certificate = { bundle: 'primary', state: 'Failing', message: 'It fails.', dnsNames: [], requests };
  const report = { source: 'temporal', cluster: 'ns/c1', workflowId: 'w', certificates: [certificate] } as const;
  for (const text of [formatCluster(report), formatExplanation(explain(report))])
    for (const request of requests)
      expect(text.split('\n').map((line) => line.trim().replace(/ +/, ' '))).toContain(`asked ${request}`);
});

test('says when a campaign revokes what it has replaced', () => {
  const replaced = { ...CAMPAIGN, replacedAt: '2026-12-01T00:00:00Z', revokeAt: '2026-12-01T03:00:00Z' };
  expect(requestMessages({ campaigns: [replaced] })[0]).toContain('at 2026-12-01T03:00:00Z');
  expect(requestMessages({})).toEqual([]);
});

test('the condition Renewing has a request that is pending, and one that has expired', () => {
  const renewing = (expired?: string) =>
    conditionsFor(recordOf(READY, { certificate: CERTIFICATE, renewalRequest: { ...RENEWAL, expired } }), 0).find(
      ({ type }) => type === 'Renewing',
    );
  expect(renewing()).toMatchObject({ status: 'False', reason: 'Requested' });
  expect(renewing('The CA is away.')).toMatchObject({ status: 'False', reason: 'RequestExpired' });
  const withdrawn = { ...RENEWAL, withdrawnAt: '2026-12-02T00:00:00.000Z' };
  const conditions = conditionsFor(recordOf(READY, { certificate: CERTIFICATE, renewalRequest: withdrawn }), 0);
  expect(conditions.find(({ type }) => type === 'Renewing')).toMatchObject({ reason: 'RequestWithdrawn' });
});
