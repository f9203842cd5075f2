import { describe, expect, it, test } from 'vitest';
import { conditionReason } from '../../../src/certificates/status-messages.ts';
import type { CertificateState } from '../../../src/certificates/status-report.ts';
import { decommissionedText } from '../../../src/cli/explain/absent.ts';
import { failureCodeOf } from '../../../src/cli/explain/commands.ts';
import { explain } from '../../../src/cli/explain/explanation.ts';
import { formatExplanation } from '../../../src/cli/explain/explanation-text.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { servedRowOf, withServed } from '../../../src/cli/status/read-served.ts';
import type { CertificateRow, ClusterReport } from '../../../src/cli/status/status-view.ts';
import { describeCluster, formatCluster } from '../../../src/cli/status/status-view.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { FAILURE_CODES, failureInfo } from '../../../src/failures/failure.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const CERTIFICATE = { secretName: 'primary-cert', notAfter: '2027-02-01T00:00:00.000Z' };
const ROW: CertificateRow = {
  bundle: 'primary',
  state: 'Ready',
  message: 'It is so.',
  since: '2026-11-01T00:00:00.000Z',
  dnsNames: ['*.apps.c1.example.com', 'api.c1.example.com'],
  secretName: 'primary-cert',
  requestName: 'c1-primary',
};

function report(row: Partial<CertificateRow>, more: Partial<ClusterReport> = {}): ClusterReport {
  const view = clusterView();
  const cluster = { source: 'temporal', cluster: 'ns-c1/c1', workflowId: 'cluster/hive/ns-c1/c1/u' } as const;
  return { ...cluster, ...describeCluster(view), certificates: [{ ...ROW, ...row }], ...more };
}

function failing(code: (typeof FAILURE_CODES)[number], more: Partial<CertificateRow> = {}): Partial<CertificateRow> {
  const failure = failureInfo({ code, message: 'What failed.', remedy: 'Correct it.' });
  return { state: 'Failing', reason: conditionReason(code), failure, nextAttempt: '2026-11-30T10:00:00.000Z', ...more };
}

describe('each state', () => {
  const states: readonly [CertificateState, RegExp, RegExp][] = [
    ['Pending', /No order has begun/, /it is evaluated/],
    ['Issuing', /first certificate is being ordered: publishing/, /written into its Secret/],
    ['Renewing', /renewal is in progress/, /written into its Secret/],
    ['Ready', /A certificate was issued/, /it is renewed/],
    ['Failing', /There is no certificate/, /the next attempt/],
    ['Waiting', /There is no certificate/, /the next attempt/],
    ['Paused', /nothing is ordered/, /until the gate is open/],
    ['Decommissioning', /revoked and removed/, /then the finalizer/],
  ];
  test.each(states)('%s says where and what is next, without and with a certificate', (state, where, next) => {
    const instants = {
      Ready: { renewalTime: '2026-12-15T00:00:00.000Z' },
      Issuing: { activity: 'publishing the TXT records' },
      Failing: { nextAttempt: '2026-11-30T10:00:00.000Z' },
      Waiting: { nextAttempt: '2026-11-30T10:00:00.000Z' },
    }[state as 'Ready'];
    const [without] = explain(report({ state, ...instants })).certificates;
    expect(without?.where).toMatch(where);
    expect(without?.next.what).toMatch(next);
    const [withOne] = explain(report({ state, ...instants, ...CERTIFICATE })).certificates;
    if (state !== 'Issuing' && state !== 'Decommissioning')
      expect(withOne?.where).toContain('in Secret primary-cert is valid until 2027-02-01');
    for (const { actions } of [without, withOne].filter((one) => one !== undefined))
      expect(actions.every(({ text }) => text !== '')).toBe(true);
  });

  it('has its instants in the text', () => {
    const text = formatExplanation(explain(report({ ...CERTIFICATE, renewalTime: '2026-12-15T00:00:00.000Z' })));
    expect(text).toMatch(
      /^ns-c1\/c1, a ClusterDeployment \(from workflow cluster\/hive\/ns-c1\/c1\/u\)\n {2}Its certificates are managed by certman\.\n/,
    );
    expect(text).toMatch(/ {2}primary: Ready\n {4}where .*\n {4}why {5}It is so\.\n {4}since {3}2026-11-01 00:00:00Z/);
    expect(text).toMatch(/next {4}it is renewed, at 2026-12-15 00:00:00Z/);
    expect(text).toMatch(/do {6}Nothing\n/);
    expect(text).toContain('\n              certman renew ns-c1/c1\n');
  });
});

describe('what the cluster serves', () => {
  const late = { status: 'False', reason: 'NotServed', message: 'It serves another one.' };

  it('is a line of its own, with how to look at what Hive has applied', () => {
    const explanation = explain(report({ ...CERTIFICATE, served: late }));
    const text = formatExplanation(explanation);
    expect(text).toMatch(/served {2}NotServed: It serves another one\./);
    expect(text).toContain('kubectl get clustersync c1 -n ns-c1 -o yaml');
    expect(text).not.toMatch(/do {6}Nothing/);
    expect(formatCluster(report({ ...CERTIFICATE, served: late }))).toContain(
      'served    NotServed: It serves another one.',
    );
  });

  it('needs nothing once it is the certificate', () => {
    const served = { status: 'True', reason: 'Served', message: 'Certificate 5 is served.' };
    const text = formatExplanation(explain(report({ ...CERTIFICATE, served })));
    expect(text).toMatch(/served {2}Certificate 5 is served\./);
    expect(text).toMatch(/do {6}Nothing\n/);
  });

  it('is read from the status of a CertificateRequest, which anything may have written', () => {
    const conditions = [
      null,
      { type: 'Served' },
      { type: 'Served', ...late, lastTransitionTime: '2026-11-01T00:00:00Z' },
    ];
    expect(servedRowOf({ conditions })).toEqual({ ...late, since: '2026-11-01T00:00:00Z' });
    for (const status of [undefined, null, 'x', { conditions: 'x' }]) expect(servedRowOf(status)).toBeUndefined();
    const served = new Map([['c1-primary', late]]);
    expect(withServed(report(CERTIFICATE), served).certificates[0]?.served).toEqual(late);
  });
});

describe('a failure', () => {
  test.each(FAILURE_CODES)('%s says what to do, by commands that exist', (code) => {
    const names = new Set(createProgram().commands.map((command) => command.name()));
    for (const state of ['Failing', 'Waiting', 'Decommissioning'] as const) {
      const [certificate] = explain(report(failing(code, { state }))).certificates;
      expect(certificate?.why).toBe('What failed.');
      expect(certificate?.reason).toBe(conditionReason(code));
      expect(certificate?.actions.length).toBeGreaterThan(0);
      for (const { command = '' } of certificate?.actions ?? []) {
        expect(command).not.toMatch(/undefined|\*/);
        const [program, name] = command.split(' ');
        if (program === 'certman') expect(names).toContain(name);
      }
    }
    expect(failureCodeOf(conditionReason(code))).toBe(code);
  });

  it('of a renewal that an operator requested is shown with the command that withdraws it', () => {
    const withdraw = { text: 'To withdraw the requested renewal', command: 'certman renew ns-c1/c1 --withdraw' };
    const actionsOf = (certificate: Parameters<typeof report>[0]) =>
      explain(report(certificate)).certificates[0]?.actions;
    const failed = failing('dns/caaForbids');
    expect(actionsOf({ ...failed, renewalRequested: true })?.at(-1)).toEqual(withdraw);
    expect(actionsOf({ ...CERTIFICATE, renewalRequested: true })?.at(-1)).toEqual(withdraw);
    expect(actionsOf(failed)).not.toContainEqual(withdraw);
  });

  it('is shown with its remedy, its commands, and the command that tries at once', () => {
    const [certificate] = explain(report(failing('dns/caaForbids'))).certificates;
    expect(certificate?.actions).toEqual([
      { text: 'Correct it.' },
      { text: 'See it in public DNS', command: 'dig CAA apps.c1.example.com' },
      { text: 'Once it is corrected, to try at once', command: 'certman renew ns-c1/c1' },
    ]);
    expect(certificate?.next).toEqual({
      what: 'the next attempt, or as soon as what it depends on changes',
      at: '2026-11-30T10:00:00.000Z',
    });
  });

  const names = ['$(reboot)', 'a;reboot', 'a b', '`reboot`', '--kubeconfig=/tmp/x', 'a\nreboot', ''];
  test.each(names)('of a resource that names %j has no command with that', (name) => {
    for (const code of FAILURE_CODES) {
      const row = failing(code, { secretName: name, dnsNames: [`*.${name}`] });
      const [certificate] = explain(report(row, { credentialsSecret: name, zoneName: name })).certificates;
      for (const { command = '' } of certificate?.actions ?? [])
        expect(command).not.toMatch(/reboot|tmp|[$;`\n]| {2}| $/);
    }
  });

  it('that is a turn needs nothing', () => {
    const [certificate] = explain(report(failing('rateLimit/newOrders', { state: 'Waiting' }))).certificates;
    expect(certificate?.actions[0]).toEqual({ text: 'Nothing' });
    expect(certificate?.next.what).toBe('it is ordered');
  });

  it('that waits for a canary needs nothing, and says how to see the canary', () => {
    const row = failing('certificate/waitsForCanary', { state: 'Waiting' });
    const [certificate] = explain(report(row)).certificates;
    expect(certificate?.actions.map(({ text, command }) => command ?? text)).toEqual(['Nothing', 'certman canary']);
    expect(certificate?.next.what).toBe('it is installed, or as soon as a person accepts its issuer');
  });

  it('read from a condition has the message of the condition and the same commands', () => {
    const row = { state: 'Failing', reason: 'DnsCredentialsMissing', message: 'No Secret aws. Create it.' };
    const [certificate] = explain(report(row, { source: 'kubernetes' })).certificates;
    expect(certificate).toMatchObject({ reason: 'DnsCredentialsMissing', why: 'No Secret aws. Create it.' });
    expect(certificate?.actions.map(({ command }) => command)).toContain('kubectl describe secret aws -n ns-c1');
  });
});

describe('a cluster that is not served', () => {
  const gates: readonly [Partial<ClusterView>, RegExp, string | undefined][] = [
    [{ paused: true }, /reconcile-pause/, 'certman resume ns-c1/c1'],
    [
      { managed: false },
      /label api.openshift.com\/managed/,
      'kubectl label clusterdeployment c1 -n ns-c1 api.openshift.com/managed=true --overwrite',
    ],
    [{ fake: true }, /fake cluster/, 'kubectl annotate clusterdeployment c1 -n ns-c1 managed.openshift.com/fake-'],
    [{ installed: false }, /not installed yet/, 'kubectl get clusterdeployment c1 -n ns-c1'],
    [{ relocation: 'outgoing' }, /moving to another management cluster/, undefined],
    [{ standaloneRequestsOff: true }, /CERTMAN_STANDALONE_REQUESTS=on/, undefined],
  ];
  test.each(gates)('%j: which gate holds it, and what opens it', (change, message, command) => {
    const view = clusterView(change);
    const { served, actions } = explain({
      source: 'kubernetes',
      cluster: 'ns-c1/c1',
      ...describeCluster(view),
      certificates: [],
    });
    expect(served).toMatch(/^Not served now\./);
    expect(served).toMatch(message);
    expect(actions.map((action) => action.command)).toEqual(command === undefined ? [] : [command]);
  });

  it('but should be has no workflow: the workers are to be looked at', () => {
    const { served, actions } = explain(report({}, { source: 'kubernetes', workflowId: undefined, certificates: [] }));
    expect(served).toMatch(/^Its certificates are managed by certman\. It has no workflow/);
    expect(actions[0]?.command).toBe('kubectl get pods -n certman-operator');
  });

  it('because Temporal does not respond, says so', () => {
    const unavailable = 'Temporal at localhost:7233 does not respond.';
    const { served } = explain(report({}, { source: 'kubernetes', workflowId: undefined, unavailable }));
    expect(served).toMatch(
      /^Its certificates are managed by certman\. Temporal at localhost:7233 does not respond\. This is what the resources say/,
    );
  });
});

test('a decommission says what was done, and what was given up', () => {
  const cluster = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u' };
  const bundle = { bundleName: 'primary', revocations: [], removed: [], failures: [] };
  const at = new Date('2026-11-29T12:00:00Z');
  expect(decommissionedText({ cluster, bundles: [bundle], finalizerRemoved: true }, at)).toBe(
    'It is gone: decommissioned at 2026-11-29T12:00:00.000Z. Nothing was left behind.',
  );
  const failures = [failureInfo({ code: 'acme/accountUnknown', message: 'Unknown.' })];
  expect(decommissionedText({ cluster, bundles: [{ ...bundle, failures }], finalizerRemoved: false }, at)).toMatch(
    /with its finalizer still there\. Given up: primary: acme\/accountUnknown: Unknown\.$/,
  );
  expect(decommissionedText({ cluster, bundles: [], finalizerRemoved: true, claimedBy: 'c2' }, at)).toContain(
    'belongs to ClusterDeployment c2',
  );
  const notHandedOver = failureInfo({
    code: 'kubernetes/notFound',
    message: 'Not handed over.',
    remedy: 'Request it.',
  });
  const claimed = { cluster, bundles: [{ ...bundle, failures: [notHandedOver] }], finalizerRemoved: false };
  expect(decommissionedText({ ...claimed, claimedBy: 'c2' }, at)).toMatch(
    /certificate\. Not handed over\. Request it\.$/,
  );
});
