import { expect, test } from 'vitest';
import { describeRules } from '../../../../src/cli/windows/describe-rules.ts';
import { scheduleOf } from '../../../../src/cli/windows/read-schedule.ts';
import { rulesText, scheduleText } from '../../../../src/cli/windows/windows-text.ts';
import type { KubernetesObject, ResourceType } from '../../../../src/kubernetes/api/kubernetes-api.ts';
import { parseWindowsText } from '../../../../src/kubernetes/objects/renewal-windows-config.ts';

const WINDOWS = `
windows:
  - { name: weeknights, schedule: "0 22 * * 1-5", duration: 6h, timeZone: Europe/Berlin }
  - name: sundays
    schedule: "30 3 * * 0"
    duration: 90m
    selector: { matchLabels: { tier: gold }, matchExpressions: [{ key: env, operator: NotIn, values: [dev, test] }] }
freezes:
  - { name: launch, from: 2027-06-08T00:00:00Z, to: 2027-06-09T12:00:00Z }
  - { name: past, from: 2026-06-08T00:00:00Z, to: 2026-06-09T12:00:00Z }
`;
const MONDAY_NOON = Date.parse('2027-06-07T12:00:00Z');

test('rules are listed with their next period, and what they select', async () => {
  const text = rulesText(describeRules(await parseWindowsText(WINDOWS, 'a test'), MONDAY_NOON));
  expect(text.split('\n').slice(1)).toEqual([
    'window  weeknights  (all)                           0 22 * * 1-5 for 6h in Europe/Berlin  2027-06-07T20:00:00.000Z to 2027-06-08T02:00:00.000Z',
    'window  sundays     tier=gold,env notin (dev,test)  30 3 * * 0 for 90m in UTC             2027-06-13T03:30:00.000Z to 2027-06-13T05:00:00.000Z',
    'freeze  launch      (all)                           once                                  2027-06-08T00:00:00.000Z to 2027-06-09T12:00:00.000Z',
    'freeze  past        (all)                           once                                  over',
  ]);
  expect(rulesText([])).toContain('There are no renewal windows');
});

test('the periods of a cluster end where a freeze begins', async () => {
  const objects: readonly KubernetesObject[] = [
    { kind: 'ConfigMap', metadata: { name: 'certman-operator' }, data: { renewal_windows: WINDOWS } },
    {
      kind: 'CertificateRequest',
      metadata: { namespace: 'ns', name: 'web', uid: 'u' },
      spec: { dnsNames: ['web.example.com'], acmeDNSDomain: 'example.com', certificateSecret: { name: 'web' } },
      status: {
        renewalTime: '2027-06-07T20:10:00Z',
        conditions: [{ type: 'Renewing', status: 'False', reason: 'OutsideWindow', message: 'm' }],
      },
    },
  ];
  const kubernetes = {
    get: ({ kind }: ResourceType, { name }: { readonly name: string }) =>
      Promise.resolve(objects.find((one) => one.kind === kind && one.metadata.name === name)),
  };
  const schedule = await scheduleOf(kubernetes, { namespace: 'ns', name: 'web' }, 2, MONDAY_NOON);
  expect(schedule).toMatchObject({
    windows: ['weeknights'],
    freezes: ['launch', 'past'],
    periods: [
      { start: '2027-06-07T20:00:00.000Z', end: '2027-06-08T00:00:00.000Z' },
      { start: '2027-06-09T20:00:00.000Z', end: '2027-06-10T02:00:00.000Z' },
    ],
  });
  expect(scheduleText(schedule)).toContain('postponed (OutsideWindow)');
});
