/** Where the publisher of a local part offers it as a binary, and where the checksum of that file is. */
import { LocalStackError } from '../local-stack-error.ts';
import { TOOLS, type ToolName } from '../versions.ts';

/** A platform in Go's words, which all publishers use. */
export interface Platform {
  readonly os: 'linux' | 'darwin';
  readonly arch: 'amd64' | 'arm64';
}

/**
 * How a checksum is published: `digest`, the SHA-256 in hex alone; `list`, lines of `sha256sum`; `release`, the JSON of
 * GitHub's release API, whose assets have a `digest`.
 */
export type ChecksumForm = 'digest' | 'list' | 'release';

/** A file of a publisher, and where its checksum is. */
export interface PublishedFile {
  readonly url: string;
  readonly checksum: { readonly url: string; readonly form: ChecksumForm };
  /** Path of the executable in the tar archive; absent where the file is the executable. */
  readonly member?: string;
}

const OS_OF: Readonly<Record<string, Platform['os']>> = { linux: 'linux', darwin: 'darwin' };
const ARCH_OF: Readonly<Record<string, Platform['arch']>> = { x64: 'amd64', arm64: 'arm64' };

/** Names of a platform in Go. @returns undefined when no publisher has binaries for it. */
export function platformOf(os: string = process.platform, arch: string = process.arch): Platform | undefined {
  const [goOs, goArch] = [OS_OF[os], ARCH_OF[arch]];
  return goOs === undefined || goArch === undefined ? undefined : { os: goOs, arch: goArch };
}

/** The published file of a tool. @returns undefined when there is none for the platform. */
export function publishedFileOf(tool: ToolName, at: Platform): PublishedFile | undefined {
  const { version } = TOOLS[tool];
  const platform = `${at.os}-${at.arch}`;
  switch (tool) {
    case 'kube-apiserver':
    case 'kube-controller-manager':
      // The server programs are published for Linux only: https://kubernetes.io/releases/download/#binaries
      return at.os === 'linux' ? kubernetes(tool, version, at) : undefined;
    case 'kubectl':
      return kubernetes(tool, version, at);
    case 'helm': {
      const url = `https://get.helm.sh/helm-v${version}-${platform}.tar.gz`;
      return { url, checksum: { url: `${url}.sha256sum`, form: 'list' }, member: `${platform}/helm` };
    }
    case 'etcd': {
      // The archive for macOS is a zip, and Go is needed there for the API server anyway.
      if (at.os !== 'linux') return undefined;
      const folder = `etcd-v${version}-${platform}`;
      const release = github('etcd-io/etcd', version);
      const checksum = { url: `${release}/SHA256SUMS`, form: 'list' } as const;
      return { url: `${release}/${folder}.tar.gz`, checksum, member: `${folder}/etcd` };
    }
    case 'pebble': {
      const folder = `pebble-${platform}`;
      const url = `${github('letsencrypt/pebble', version)}/${folder}.tar.gz`;
      // Pebble's releases have no file of checksums; GitHub computes the digest of each asset.
      const api = `https://api.github.com/repos/letsencrypt/pebble/releases/tags/v${version}`;
      return { url, checksum: { url: api, form: 'release' }, member: `${folder}/${at.os}/${at.arch}/pebble` };
    }
    case 'coredns': {
      const url = `${github('coredns/coredns', version)}/coredns_${version}_${at.os}_${at.arch}.tgz`;
      return { url, checksum: { url: `${url}.sha256`, form: 'list' }, member: 'coredns' };
    }
    case 'temporal': {
      const release = github('temporalio/cli', version);
      const url = `${release}/temporal_cli_${version}_${at.os}_${at.arch}.tar.gz`;
      return { url, checksum: { url: `${release}/checksums.txt`, form: 'list' }, member: 'temporal' };
    }
    case 'temporal-server':
    case 'temporal-sql-tool':
      // Only tests and a bench start them, and they compile the packages of the CLI: one build makes all three.
      return undefined;
    case 'promtool':
    case 'prometheus': {
      const folder = `prometheus-${version}.${platform}`;
      const release = github('prometheus/prometheus', version);
      const checksum = { url: `${release}/sha256sums.txt`, form: 'list' } as const;
      return { url: `${release}/${folder}.tar.gz`, checksum, member: `${folder}/${tool}` };
    }
    case 'moto':
    case 'temporal-test-server':
      // Python and Java packages: pip and Maven download them.
      return undefined;
  }
}

/** https://kubernetes.io/docs/tasks/tools/install-kubectl-linux/ */
function kubernetes(program: string, version: string, at: Platform): PublishedFile {
  const url = `https://dl.k8s.io/release/v${version}/bin/${at.os}/${at.arch}/${program}`;
  return { url, checksum: { url: `${url}.sha256`, form: 'digest' } };
}

function github(repository: string, version: string): string {
  return `https://github.com/${repository}/releases/download/v${version}`;
}

/** Whether and from where tools are downloaded. */
export interface DownloadSettings {
  readonly allowed: boolean;
  /** Base URL with each publisher's files below its host name; absent: the publishers themselves. */
  readonly mirror?: string;
}

/** Reads the settings. @throws LocalStackError when `CERTMAN_LOCAL_DOWNLOADS` or `CERTMAN_LOCAL_MIRROR` is invalid. */
export function downloadSettings(environment: Readonly<NodeJS.ProcessEnv> = process.env): DownloadSettings {
  const allowed = environment['CERTMAN_LOCAL_DOWNLOADS'] ?? '';
  if (!['', 'on', 'off'].includes(allowed)) {
    throw new LocalStackError({
      message: `CERTMAN_LOCAL_DOWNLOADS is "${allowed}".`,
      remedy: 'Set it to on or off, or unset it.',
    });
  }
  const mirror = environment['CERTMAN_LOCAL_MIRROR'] ?? '';
  if (mirror === '') return { allowed: allowed !== 'off' };
  const problem = mirrorProblem(mirror);
  if (problem !== undefined) {
    throw new LocalStackError({
      message: `CERTMAN_LOCAL_MIRROR ${problem}.`,
      remedy:
        'Set it to an https URL below which each publisher has a folder, such as https://mirror.example.com/files.',
    });
  }
  return { allowed: allowed !== 'off', mirror: mirror.replace(/\/+$/, '') };
}

/** Why a mirror is invalid. Credentials are refused and not repeated, since URLs appear in messages and logs. */
function mirrorProblem(mirror: string): string | undefined {
  if (!URL.canParse(mirror)) return `is "${mirror}", which is not a URL`;
  const url = new URL(mirror);
  if (url.username !== '' || url.password !== '') return 'has credentials in it';
  if (url.search !== '' || url.hash !== '') return 'has a query or a fragment';
  return isTrusted(url) ? undefined : `is "${mirror}", which is not TLS`;
}

/** URL of a published file at the mirror: `https://host/path` is at `<mirror>/host/path`. */
export function mirroredUrl(url: string, mirror: string | undefined): string {
  return mirror === undefined ? url : url.replace(/^https:\//, mirror);
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Whether the host of a URL is loopback. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.has(url.hostname);
}

/** Whether a checksum from this URL can be trusted: TLS, or loopback. */
export function isTrusted(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}
