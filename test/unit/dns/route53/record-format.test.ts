import { describe, expect, it } from 'vitest';
import { compareNamesByLabel, decodeName } from '../../../../src/dns/route53/record-format.ts';

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
