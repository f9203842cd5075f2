import { describe, expect, test } from 'vitest';
import { checksumIn } from '../../../../local/stack/build/published-checksum.ts';
import {
  downloadSettings,
  isTrusted,
  mirroredUrl,
  platformOf,
  publishedFileOf,
} from '../../../../local/stack/build/publishers.ts';
import { TOOLS, type ToolName } from '../../../../local/stack/versions.ts';

const LINUX = { os: 'linux', arch: 'amd64' } as const;
const MAC = { os: 'darwin', arch: 'arm64' } as const;

/** Addresses as the publishers document them; the version is that of versions.ts. */
const ADDRESSES: readonly (readonly [ToolName, string])[] = [
  ['kube-apiserver', 'https://dl.k8s.io/release/vVERSION/bin/linux/amd64/kube-apiserver'],
  ['kube-controller-manager', 'https://dl.k8s.io/release/vVERSION/bin/linux/amd64/kube-controller-manager'],
  ['kubectl', 'https://dl.k8s.io/release/vVERSION/bin/linux/amd64/kubectl'],
  ['helm', 'https://get.helm.sh/helm-vVERSION-linux-amd64.tar.gz'],
  ['etcd', 'https://github.com/etcd-io/etcd/releases/download/vVERSION/etcd-vVERSION-linux-amd64.tar.gz'],
  ['pebble', 'https://github.com/letsencrypt/pebble/releases/download/vVERSION/pebble-linux-amd64.tar.gz'],
  ['coredns', 'https://github.com/coredns/coredns/releases/download/vVERSION/coredns_VERSION_linux_amd64.tgz'],
  [
    'promtool',
    'https://github.com/prometheus/prometheus/releases/download/vVERSION/prometheus-VERSION.linux-amd64.tar.gz',
  ],
  [
    'prometheus',
    'https://github.com/prometheus/prometheus/releases/download/vVERSION/prometheus-VERSION.linux-amd64.tar.gz',
  ],
  ['temporal', 'https://github.com/temporalio/cli/releases/download/vVERSION/temporal_cli_VERSION_linux_amd64.tar.gz'],
];

describe('a publisher', () => {
  test.each(ADDRESSES)('has %s at its documented URL', (tool, address) => {
    expect(publishedFileOf(tool, LINUX)?.url).toBe(address.replaceAll('VERSION', TOOLS[tool].version));
  });

  test('has every checksum by TLS', () => {
    for (const [tool] of ADDRESSES) expect(publishedFileOf(tool, LINUX)?.checksum.url).toMatch(/^https:/);
  });

  test('has the Kubernetes server programs for Linux only', () => {
    expect(publishedFileOf('kube-apiserver', MAC)).toBeUndefined();
    expect(publishedFileOf('kubectl', MAC)?.url).toContain('/bin/darwin/arm64/kubectl');
  });

  test('has no file for an unknown platform', () => {
    expect(platformOf('linux', 'x64')).toEqual(LINUX);
    expect(platformOf('darwin', 'arm64')).toEqual(MAC);
    expect(platformOf('win32', 'x64')).toBeUndefined();
    expect(platformOf('linux', 's390x')).toBeUndefined();
  });
});

describe('the settings of downloads', () => {
  test('allow downloads by default', () => {
    expect(downloadSettings({})).toEqual({ allowed: true });
    expect(downloadSettings({ CERTMAN_LOCAL_DOWNLOADS: 'on' })).toEqual({ allowed: true });
  });

  test('disable downloads', () => {
    expect(downloadSettings({ CERTMAN_LOCAL_DOWNLOADS: 'off' })).toEqual({ allowed: false });
  });

  test('set a mirror with each publisher below its host name', () => {
    const { mirror } = downloadSettings({ CERTMAN_LOCAL_MIRROR: 'https://mirror.example.com/files/' });
    expect(mirroredUrl('https://dl.k8s.io/release/x', mirror)).toBe(
      'https://mirror.example.com/files/dl.k8s.io/release/x',
    );
  });

  test.each([
    [{ CERTMAN_LOCAL_DOWNLOADS: 'no' }, /CERTMAN_LOCAL_DOWNLOADS is "no"[^]*on or off/],
    [{ CERTMAN_LOCAL_MIRROR: 'mirror' }, /CERTMAN_LOCAL_MIRROR is "mirror"[^]*https/],
    [{ CERTMAN_LOCAL_MIRROR: 'http://mirror.example.com' }, /CERTMAN_LOCAL_MIRROR is "http:/],
    [
      { CERTMAN_LOCAL_MIRROR: 'https://me:secret@mirror.example.com' },
      /^(?!.*secret)CERTMAN_LOCAL_MIRROR has credentials/,
    ],
    [{ CERTMAN_LOCAL_MIRROR: 'https://mirror.example.com?x=1' }, /has a query/],
  ])('%o are refused', (environment, message) => {
    expect(() => downloadSettings(environment)).toThrow(message);
  });

  test('trust plain HTTP on loopback only', () => {
    expect(isTrusted(new URL('http://example.com/'))).toBe(false);
    expect(isTrusted(new URL('http://127.0.0.1:1/'))).toBe(true);
    expect(isTrusted(new URL('https://example.com/'))).toBe(true);
  });
});

describe('a checksum is read', () => {
  const digest = 'ab'.repeat(32);

  test('from a file with only the digest, also in upper case', () => {
    expect(checksumIn(` ${digest.toUpperCase()}\n`, 'digest', 'kubectl')).toBe(digest);
  });

  test('from a list, by the exact name of the file', () => {
    const list = `${'0'.repeat(64)}  x-etcd.tar.gz\n${digest} *./etcd.tar.gz\n`;
    expect(checksumIn(list, 'list', 'etcd.tar.gz')).toBe(digest);
    expect(checksumIn(list, 'list', 'tcd.tar.gz')).toBeUndefined();
  });

  test.each([
    ['digest', '<html>Not Found</html>'],
    ['list', 'etcd.tar.gz'],
    ['release', 'not JSON'],
    ['release', '{"assets":[{"name":"etcd.tar.gz","digest":"md5:00"}]}'],
    ['release', '{"message":"API rate limit exceeded"}'],
  ] as const)('as undefined from a %s with %s', (form, content) => {
    expect(checksumIn(content, form, 'etcd.tar.gz')).toBeUndefined();
  });
});
