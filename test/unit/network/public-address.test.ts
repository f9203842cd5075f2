import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressPolicy, parseNetwork } from '../../../src/network/public-address.ts';

const isPublic = addressPolicy();

describe('certman connects to', () => {
  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '223.255.255.255',
    '2a00:1450:4001::1',
    '64:ff9b::808:808',
  ])('the public address %s', (address) => expect(isPublic(address)).toBe(true));
});

describe('certman does not connect to', () => {
  test.each([
    ['this host', '0.0.0.0'],
    ['a private network', '10.255.255.255'],
    ['a private network', '172.31.0.1'],
    ['a private network', '192.168.1.1'],
    ['loopback', '127.8.8.8'],
    ['the metadata of a cloud', '169.254.169.254'],
    ['the shared space of a carrier', '100.127.0.1'],
    ['protocol assignments', '192.0.0.192'],
    ['documentation', '203.0.113.1'],
    ['benchmarks', '198.19.0.1'],
    ['multicast', '239.1.1.1'],
    ['the reserved rest', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['no address', '::'],
    ['loopback', '::1'],
    ['an IPv4-mapped private address', '::ffff:10.0.0.1'],
    ['an IPv4-mapped public address', '::ffff:8.8.8.8'],
    ['an IPv4-compatible address', '::7f00:1'],
    ['NAT64 to loopback', '64:ff9b::127.0.0.1'],
    ['NAT64 to the metadata of a cloud', '64:ff9b::a9fe:a9fe'],
    ['local NAT64', '64:ff9b:1::808:808'],
    ['6to4', '2002:7f00:1::1'],
    ['Teredo', '2001::1'],
    ['documentation', '2001:db8::1'],
    ['unique local', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['what is no address', 'localhost'],
    ['what is no address', ''],
  ])('%s: %s', (_what, address) => expect(isPublic(address)).toBe(false));

  test('any IPv4 address that it refuses, however an IPv6 address contains it', () => {
    const octet = fc.nat(255);
    fc.assert(
      fc.property(octet, octet, octet, octet, (...octets) => {
        const ipv4 = octets.join('.');
        expect(isPublic(`::ffff:${ipv4}`)).toBe(false);
        expect(isPublic(`64:ff9b::${ipv4}`)).toBe(isPublic(ipv4));
      }),
    );
  });
});

describe('a network of the setting', () => {
  test.each([
    ['10.20.0.0/16', '10.20.3.4', '10.21.0.1'],
    ['127.0.0.1', '127.0.0.1', '127.0.0.2'],
    ['fd00:20::/32', 'fd00:20:1::1', 'fd00:21::1'],
  ])('%s allows %s, not %s', (text, inside, outside) => {
    const network = parseNetwork(text);
    const isAllowed = addressPolicy(network === undefined ? [] : [network]);
    expect([isAllowed(inside), isAllowed(outside), isAllowed('8.8.8.8')]).toEqual([true, false, true]);
  });

  test.each(['10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'private', '10.0.0.0/', '10.0.0.0/8/8', ''])(
    'is not %s',
    (text) => expect(parseNetwork(text)).toBeUndefined(),
  );
});
