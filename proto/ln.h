/* Logarithms by IEEE + - * / alone, the same bits on every host. Relative error
 * below 1e-14, tested against libm. Pure. */
#ifndef PROTO_LN_H
#define PROTO_LN_H

double ln_of(double x); /* natural; x > 0, normal */
/* ln(1 - p) for 0 <= p <= 1/2, exact for small p where 1 - p would round. */
double ln_1m(double p);
double ln_expm1(double y); /* e^y - 1; y <= 0 */

#endif
