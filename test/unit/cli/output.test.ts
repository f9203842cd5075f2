import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseClusterName, UsageError } from '../../../src/cli/arguments.ts';
import {
  describeError,
  formatInstant,
  formatRelative,
  formatResult,
  formatTable,
  note,
  print,
} from '../../../src/cli/output.ts';
import { byUrgency, type FleetRow, formatCluster, formatFleet } from '../../../src/cli/status/status-view.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const at = (ms: number): string => new Date(NOW + ms).toISOString();

describe('an instant', () => {
  it.each([
    [45 * 86_400_000, 'in 45 d'],
    [47 * 3_600_000, 'in 47 h'],
    [-90 * 60_000, '90 m ago'],
    [30_000, 'in 30 s'],
    [100, 'now'],
  ])('%d ms away is "%s"', (distance, text) => expect(formatRelative(at(distance), NOW)).toBe(text));

  it('that is missing or unreadable is a dash', () => {
    expect(formatRelative(undefined)).toBe('–');
    expect(formatRelative('soon')).toBe('–');
    expect(formatInstant('soon')).toBe('–');
  });
});

describe('a table', () => {
  it('has columns as wide as their widest cell, without blanks at line ends', () => {
    expect(formatTable(['A', 'LONG'], [['wide cell', 'x']])).toBe('A          LONG\nwide cell  x');
  });
});

describe('the name of a cluster', () => {
  it('is namespace/name', () => {
    expect(parseClusterName('uhc-1/demo.x')).toEqual({ namespace: 'uhc-1', name: 'demo.x' });
  });
  it.each(['demo', 'a/b/c', '/x', 'x/', 'A/b', "a/b' OR 1=1", ''])('is not "%s"', (text) => {
    expect(() => parseClusterName(text)).toThrow(UsageError);
  });
});

describe('a failed command', () => {
  it('exits with 2 for wrong use and configuration, else with 1, and prints the remedy', () => {
    expect(describeError(new UsageError('no'))).toEqual({ message: 'no', exitCode: 2 });
    expect(describeError(new CertmanError({ code: 'configuration/invalid', message: 'm', remedy: 'n' }))).toEqual({
      message: 'm\nn',
      exitCode: 2,
    });
    expect(describeError(new CertmanError({ code: 'kubernetes/unreachable', message: 'm' })).exitCode).toBe(1);
    expect(describeError(new Error('x')).exitCode).toBe(1);
  });
});

const row = (cluster: string, state: string, notAfter?: string): FleetRow => ({ cluster, state, notAfter });

describe('the fleet', () => {
  it('is sorted by urgency: by state, then by expiry', () => {
    const rows = [
      row('a/ready-late', 'Ready', at(2)),
      row('a/ready-soon', 'Ready', at(1)),
      row('a/failing', 'Failing', at(9)),
      row('a/failing-without', 'Failing'),
      row('a/odd', 'Unknown'),
    ];
    expect(rows.toSorted(byUrgency).map(({ cluster }) => cluster)).toEqual([
      'a/odd',
      'a/failing-without',
      'a/failing',
      'a/ready-soon',
      'a/ready-late',
    ]);
  });

  it('has a text of its own when it is empty', () => {
    expect(formatFleet({ source: 'temporal', clusters: [] })).toContain('Nothing is served');
  });
});

describe('a cluster', () => {
  it('is printed with each certificate, its message and its next attempt', () => {
    const text = formatCluster({
      source: 'temporal',
      cluster: 'ns/demo',
      workflowId: 'cluster/hive/ns/demo/uid',
      certificates: [
        {
          bundle: 'primary',
          state: 'Failing',
          message: 'The CA rejected the order.',
          dnsNames: ['api.demo.example.com'],
          nextAttempt: '2026-11-23T13:00:00Z',
        },
      ],
    });
    for (const part of [
      'ns/demo',
      'primary: Failing',
      'The CA rejected the order.',
      '2026-11-23 13:00:00Z',
      'api.demo.example.com',
    ]) {
      expect(text).toContain(part);
    }
  });
});

describe('text from outside', () => {
  // oxlint-disable-next-line no-control-regex -- what a terminal obeys
  const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
  const LIMITS = { interruptAfterTimeLimit: 5_000, numRuns: 200 };
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\u001b]0;title\u0007', '\u001b[2J', '\u009b31m', 'a\r\nns/other  Ready', '\u202etxt.exe'),
  );

  afterEach(() => vi.restoreAllMocks());

  function written(write: () => void): string {
    let text = '';
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((chunk) => {
        text += String(chunk);
        return true;
      });
    }
    write();
    vi.restoreAllMocks();
    return text;
  }

  it('cannot control the terminal, in a result, a note or an error', () => {
    expect(written(() => print('a\u001b[31mb'))).toBe('a\\u001b[31mb\n');
    fc.assert(
      fc.property(hostile, (text) => {
        const error = new CertmanError({ code: 'acme/unexpected', message: text, remedy: text });
        const shown = written(() => {
          print(text);
          note(text);
          note(describeError(error).message);
        });
        expect(shown).not.toMatch(CONTROL);
      }),
      LIMITS,
    );
  });

  it('adds no line to what is shown of the fleet or of a cluster', () => {
    const plain = { bundle: 'b', state: 'Ready', message: 'm', dnsNames: ['n'], secretName: 's', issuer: 'i' };
    const lines = (text: string): number => text.split('\n').length;
    const cluster = (certificate: typeof plain): string =>
      formatCluster({
        source: 'kubernetes',
        cluster: 'ns/a',
        situation: certificate.message,
        certificates: [certificate],
      });
    fc.assert(
      fc.property(hostile, (text) => {
        const issued = { bundle: text, state: text, message: text, dnsNames: [text], secretName: text, issuer: text };
        expect(lines(cluster(issued))).toBe(lines(cluster(plain)));
        const fleet = [{ cluster: 'ns/a', state: text, reason: text, issuer: text }];
        expect(lines(formatFleet({ source: 'temporal', clusters: fleet }))).toBe(2);
      }),
      LIMITS,
    );
  });

  it('is the same JSON with --json', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = written(() => print(formatResult({ json: true }, { text }, String)));
        expect(JSON.parse(shown)).toEqual({ text });
      }),
      LIMITS,
    );
  });
});
