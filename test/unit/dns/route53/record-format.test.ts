import { describe, expect, it } from 'vitest';
import { compareNamesByLabel, decodeName, quoteTxt } from '../../../../src/dns/route53/record-format.ts';

describe('names', () => {
  it('lose case, trailing dot and octal escapes', () => {
    expect(decodeName('\\052.Example.COM.')).toBe('*.example.com');
  });

  it('sort by labels from the right, a parent before what is below it', () => {
    const names = ['b.example.com', 'z.a.example.com', 'example.com', 'a.example.com', 'a-b.example.com'];
    expect(names.toSorted(compareNamesByLabel)).toEqual([
      'example.com',
      'a.example.com',
      'z.a.example.com',
      'a-b.example.com',
      'b.example.com',
    ]);
  });
});

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
