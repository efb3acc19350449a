/** @file Nonlinearities, made of elementwise ops. */
import type { Tensor } from '../graph/graph.ts';
import { add, exp, like, log, max, mul, neg, sigmoid, tanh } from './elementwise.ts';

/** x · sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/** ln(1 + e^x), written so that e^x never overflows. */
export function softplus(x: Tensor): Tensor {
  const magnitude = max(x, neg(x));
  return add(max(x, like(x, 0)), log(add(exp(neg(magnitude)), like(x, 1))));
}

/** x · tanh(softplus(x)) (Misra 2019). */
export function mish(x: Tensor): Tensor {
  return mul(x, tanh(softplus(x)));
}

/** The tanh form of GELU (Hendrycks & Gimpel 2016), as Gemma uses it. */
export function geluTanh(x: Tensor): Tensor {
  const cubic = mul(mul(mul(x, x), x), like(x, 0.044715));
  const inner = mul(add(x, cubic), like(x, Math.sqrt(2 / Math.PI)));
  return mul(mul(x, like(x, 0.5)), add(tanh(inner), like(x, 1)));
}
