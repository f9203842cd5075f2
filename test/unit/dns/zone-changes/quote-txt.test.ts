import { describe, expect, it } from 'vitest';
import { quoteTxt } from '../../../../src/dns/zone-changes/quote-txt.ts';

describe('TXT values', () => {
  it('are quoted', () => {
    expect(quoteTxt('abc')).toBe('"abc"');
  });

  it('are cut into strings of 255 bytes', () => {
    expect(quoteTxt('a'.repeat(300))).toBe(`"${'a'.repeat(255)}" "${'a'.repeat(45)}"`);
  });

  it('have quotes, backslashes and what is not ASCII escaped', () => {
    expect(quoteTxt('a"b\\cé')).toBe('"a\\"b\\\\c\\303\\251"');
  });
});
