/**
 * Name of the CertificateRequest of a bundle: lower case `<clusterdeployment>-<bundle>`, as certman-operator named them. Pure.
 */
export function requestName(clusterDeployment: string, bundleName: string): string {
  return `${clusterDeployment}-${bundleName}`.toLowerCase();
}
