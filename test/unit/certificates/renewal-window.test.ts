import { describe, expect, test } from 'vitest';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { plannedRenewal } from '../../../src/certificates/planned-renewal.ts';
import { type RenewalWindow, selectTimeInWindow } from '../../../src/certificates/renewal-window.ts';
import { certificateWithLifetime, DAY_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const certificate = certificateWithLifetime(90 * DAY_MS);
const START = NOT_BEFORE + 20 * DAY_MS;
const END = NOT_BEFORE + 22 * DAY_MS;

function windowAt(start: number, end: number, certId = certificate.certId ?? ''): RenewalWindow {
  return { certId, start: new Date(start).toISOString(), end: new Date(end).toISOString() };
}

const MALFORMED: readonly (readonly [string, RenewalWindow])[] = [
  ['ends before it starts', windowAt(END, START)],
  ['ends as it starts', windowAt(START, START)],
  ['has a malformed start', { ...windowAt(START, END), start: 'soon' }],
  ['has a malformed end', { ...windowAt(START, END), end: '' }],
];

function applies(window: RenewalWindow | undefined, to: CertificateFacts = certificate): boolean {
  return plannedRenewal(to, { jitterKey: 'k', suggestedWindow: window, now: NOT_BEFORE }).reason === 'SuggestedByCa';
}

describe('a window applies', () => {
  test('to its own certificate', () => {
    expect(applies(windowAt(START, END))).toBe(true);
  });

  test.each<readonly [string, RenewalWindow | undefined]>([
    ...MALFORMED.map(([what, window]) => [`which ${what}`, window] as const),
    ['that belongs to another certificate', windowAt(START, END, 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyF')],
    ['that is undefined', undefined],
  ])('but not one %s', (_what, window) => {
    expect(applies(window)).toBe(false);
  });

  test('to no certificate without an ARI identifier', () => {
    const { certId: _unknown, ...nameless } = certificate;
    expect(applies(windowAt(START, END, ''), nameless)).toBe(false);
  });
});

describe('the time selected in a window', () => {
  test('lies in it and is deterministic', () => {
    const window = windowAt(START, END);
    const at = selectTimeInWindow(window, NOT_BEFORE);
    expect(at).toBeGreaterThanOrEqual(START);
    expect(at).toBeLessThan(END);
    expect(selectTimeInWindow(window, NOT_BEFORE + DAY_MS)).toBe(at);
  });

  test('is uniformly distributed over certificates', () => {
    const quarters = [0, 0, 0, 0];
    for (let serial = 0; serial < 2_000; serial += 1) {
      const at =
        selectTimeInWindow(windowAt(START, END, `aYhba4dGQEHhs3uEe6CuLN4ByNQ.${serial}`), NOT_BEFORE) ?? Number.NaN;
      const quarter = Math.floor(((at - START) / (END - START)) * 4);
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    for (const count of quarters) expect(Math.abs(count - 500)).toBeLessThan(120);
  });

  test.each([
    ['is over', END + DAY_MS],
    ['is almost over and the selected time has passed', END - 1],
  ])('is now when the window %s', (_what, now) => {
    expect(selectTimeInWindow(windowAt(START, END), now)).toBe(now);
  });

  test.each(MALFORMED)('is undefined for a window that %s', (_what, window) => {
    expect(selectTimeInWindow(window, NOT_BEFORE)).toBeUndefined();
  });
});
