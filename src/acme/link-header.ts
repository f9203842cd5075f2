import { parseAcmeUrl } from './url.ts';

/** Let's Encrypt offers two. */
const MAX_LINKS = 8;
const LINK = /<([^<>]{1,2048})>((?:\s*;\s*[\w*-]{1,64}\s*=\s*(?:"[^"]{0,200}"|[^\s";,]{1,200}))*)/g;

/**
 * The targets of a relation in a Link header (RFC 8288 §3), at most eight.
 * @param header the values of all Link headers, joined by commas. @param base URL that relative targets refer to.
 */
export function linksOf(header: string | undefined, relation: string, base: string): readonly string[] {
  const links = [...(header ?? '').matchAll(LINK)].filter(([, , parameters = '']) => {
    const [, quoted, plain = ''] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))/i.exec(parameters) ?? [];
    return (quoted ?? plain).toLowerCase().split(/\s+/).includes(relation);
  });
  const urls = links.map(([, target = '']) => parseAcmeUrl(target, base)).filter((url) => url !== undefined);
  return [...new Set(urls)].slice(0, MAX_LINKS);
}
