"""Linear recurrent unit (Orvieto et al. 2023, arXiv:2303.06349), trained by real-time recurrent learning.

The state of each unit is a complex number with a recurrence of its own. Its sensitivities, the derivatives of the state
in the weights, therefore follow a recurrence too. They are updated forward in time, at the cost of a forward pass, and
make the gradient exact at every event, back to the start of the sequence (Zucchet et al. 2023, arXiv:2305.15947).
Outputs are the tanh of real and imaginary part, as in the recurrent trace unit (Elelimy et al. 2024, arXiv:2409.01449).

With input x (I,), state h in C^H and the weights nu, th (H,), B = Br + i Bi in C^(H x I) and b = br + i bi in C^H:

    s = exp nu     r = exp(-s)     theta = exp th     lam = r e^(i theta)     gam = sqrt(1 - r^2)
    u = B x + b
    h' = lam h + gam u
    y = [tanh Re h', tanh Im h']

The papers have no b; without it, outputs would be odd functions of the inputs.

The sensitivities of h in nu, th and B are 0 at the start of a sequence, and exact for constant weights. b is treated as
the weights of another input that is always 1:

    N' = lam N - s lam h + k u     with k = dgam/dnu = s r^2 / gam
    T' = lam T + i theta lam h
    E' = lam E + gam x^T

The gradient in the weights needs only this event's output, because the sensitivities contain the past. With
p = dL/dRe h' and q = dL/dIm h':

    dL/dnu = p Re N' + q Im N'     dL/dBr = p Re E' + q Im E'
    dL/dth = p Re T' + q Im T'     dL/dBi = q Re E' - p Im E'

The gradient in the input also comes from later events, as P = p + P' and Q = q + Q':

    dL/dx = Br^T (gam P) + Bi^T (gam Q)     P <- Re lam P + Im lam Q     Q <- Re lam Q - Im lam P

nu and th are clipped where they are used: nu to [-13, 4], which keeps r below 1 in float32 and the memory below half a
million events; th to at most 7, up to which sine and cosine of theta are accurate. Outside, the gradient is that at the
bound, so that learning can return. gam is computed as gam^2 = 2 t / (1 + t) with t = tanh s, which is accurate near
r = 1.

The arrays hold all real parts before all imaginary parts, because LLVM does not vectorise loops over interleaved rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation, tanh
from stream_rnn.kernels.elementary import exp, sin_cos
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_scaled_columns, copy
from stream_rnn.kernels.products import add_product, add_product_transposed
from stream_rnn.layers.gates import Gate, gates_of, saturating_gates
from stream_rnn.layers.input_rows import InputRows, input_rows
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, forward, parameter_count

MIN_NU, MAX_NU, MAX_TH = -13.0, 4.0, 7.0
"""Bounds to which nu and th are clipped."""


class LRU(NamedTuple):
    """A layer of linear recurrent units; see the module for its equations."""

    inputs: int
    hidden: int

    @property
    def carries(self) -> Carries:
        """The gradient in its inputs; that in its own weights is complete at each event."""
        return "below"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of nu, th, Br, br, Bi and bi, with initial r^2 in [0.3^2, 0.999^2] and theta in (0, pi]."""
        I, H = self.inputs, self.hidden
        return (
            Parameter("nu", (H,), "bias", "h", lambda rng: np.log(-np.log(rng.uniform(0.3**2, 0.999**2, H)) / 2)),
            Parameter("th", (H,), "bias", "h", lambda rng: np.log(np.pi * (1 - rng.uniform(size=H)))),
            Parameter("Br", (I, H), "input", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), (I, H))),
            Parameter("br", (H,), "bias", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), H)),
            Parameter("Bi", (I, H), "input", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), (I, H))),
            Parameter("bi", (H,), "bias", "h", lambda rng: rng.normal(0, np.sqrt(0.5 / (I + 1)), H)),
        )

    @property
    def sizes(self) -> Sizes:
        """State: y, Re [h, N, T, E], Im [h, N, T, E].

        Tape: y, Re lam, Im lam, gam, s, theta, k, Re [N, T, E], Im [N, T, E]. Delta: p, q, -p, gam P, gam Q.
        """
        I, H = self.inputs, self.hidden
        return Sizes(
            I, 2 * H, parameter_count(self.parameters()), state=(2 * I + 10) * H, tape=(2 * I + 14) * H, delta=5 * H
        )


@input_rows.register
def _input_rows(layer: LRU) -> InputRows:
    I, H = layer.inputs, layer.hidden
    return InputRows(
        params=((2 * H, H), ((I + 3) * H, H)),
        state=((5 * H, H), ((I + 9) * H, H)),
        tape=((10 * H, H), ((I + 13) * H, H)),
    )


@inner
def _recurrence(nu: Any, th: Any, factors: Any) -> None:
    """Write Re lam, Im lam, gam, s, theta and k (6H,) for nu and th (H,)."""
    H = nu.shape[0]
    re, im, gam = factors[:H], factors[H : 2 * H], factors[2 * H : 3 * H]
    s, theta, k = factors[3 * H : 4 * H], factors[4 * H : 5 * H], factors[5 * H :]
    number = nu.dtype.type
    one, two = number(1), number(2)
    min_nu, max_nu, max_th = number(MIN_NU), number(MAX_NU), number(MAX_TH)
    for j in range(H):
        s[j] = exp(min(max(nu[j], min_nu), max_nu))
        theta[j] = exp(min(th[j], max_th))
        t = tanh(s[j])
        gam[j] = np.sqrt(two * t / (one + t))
    for j in range(H):
        r = exp(-s[j])
        sine, cosine = sin_cos(theta[j])
        re[j] = r * cosine
        im[j] = r * sine
        k[j] = s[j] * r * r / gam[j]


@inner
def _advance(lr: Any, li: Any, x: Any, gam: Any, re: Any, im: Any) -> None:
    """Replace z (H,) by lam z + gam x, for complex z and real x."""
    for j in range(re.shape[0]):
        zr, zi = re[j], im[j]
        re[j] = lr[j] * zr - li[j] * zi + gam[j] * x
        im[j] = lr[j] * zi + li[j] * zr


@forward.register
def _forward(layer: LRU, params: Any, x: Any, state: Any, tape: Any) -> None:
    I, H = layer.inputs, layer.hidden
    Br, br = params[2 * H : (I + 2) * H].reshape(I, H), params[(I + 2) * H : (I + 3) * H]
    Bi, bi = params[(I + 3) * H : (2 * I + 3) * H].reshape(I, H), params[(2 * I + 3) * H :]
    factors, zero, one = tape[2 * H : 8 * H], tape.dtype.type(0), tape.dtype.type(1)
    _recurrence(params[:H], params[H : 2 * H], factors)
    lr, li, gam = factors[:H], factors[H : 2 * H], factors[2 * H : 3 * H]
    s, theta, k = factors[3 * H : 4 * H], factors[4 * H : 5 * H], factors[5 * H :]
    ur, ui = tape[:H], tape[H : 2 * H]
    copy(br, ur)
    copy(bi, ui)
    add_product(x, Br, ur)  # (I,) @ (I, H) -> (H,)
    add_product(x, Bi, ui)  # (I,) @ (I, H) -> (H,)
    half = (I + 6) * H
    R, M = state[2 * H : half].reshape(I + 4, H), state[half:].reshape(I + 4, H)
    for i in range(3):
        _advance(lr, li, zero, gam, R[i], M[i])
    for i in range(I):
        _advance(lr, li, x[i], gam, R[3 + i], M[3 + i])
    _advance(lr, li, one, gam, R[3 + I], M[3 + I])
    hr, hi, Nr, Ni, Tr, Ti = R[0], M[0], R[1], M[1], R[2], M[2]
    for j in range(H):
        Nr[j] += k[j] * ur[j] - s[j] * hr[j]
        Ni[j] += k[j] * ui[j] - s[j] * hi[j]
    for j in range(H):
        Tr[j] -= theta[j] * hi[j]
        Ti[j] += theta[j] * hr[j]
    yr, yi = state[:H], state[H : 2 * H]
    for j in range(H):
        hr[j] += gam[j] * ur[j]
        yr[j] = tanh(hr[j])
    for j in range(H):
        hi[j] += gam[j] * ui[j]
        yi[j] = tanh(hi[j])
    copy(state[: 2 * H], tape[: 2 * H])
    copy(state[3 * H : half], tape[8 * H : (I + 11) * H])
    copy(state[half + H :], tape[(I + 11) * H :])


@backward.register
def _backward(layer: LRU, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    I, H = layer.inputs, layer.hidden
    one = tape.dtype.type(1)
    y, pq, minus_p = tape[: 2 * H], delta[: 2 * H], delta[2 * H : 3 * H]
    for j in range(2 * H):
        pq[j] = d_output[j] * (one - y[j] * y[j])
    p, q = pq[:H], pq[H:]
    for j in range(H):
        minus_p[j] = -p[j]
    if d_input.shape[0] > 0:
        Br, Bi = params[2 * H : (I + 2) * H].reshape(I, H), params[(I + 3) * H : (2 * I + 3) * H].reshape(I, H)
        lr, li, gam = tape[2 * H : 3 * H], tape[3 * H : 4 * H], tape[4 * H : 5 * H]
        half = (I + 6) * H
        P, Q = d_state[2 * H : 3 * H], d_state[half : half + H]
        gP, gQ = delta[3 * H : 4 * H], delta[4 * H :]
        for j in range(H):
            P[j] += p[j]
            gP[j] = gam[j] * P[j]
        for j in range(H):
            Q[j] += q[j]
            gQ[j] = gam[j] * Q[j]
        d_input[:] = 0
        add_product_transposed(Br, gP, d_input)  # (I, H) @ (H,) -> (I,)
        add_product_transposed(Bi, gQ, d_input)  # (I, H) @ (H,) -> (I,)
        for j in range(H):
            Pj, Qj = P[j], Q[j]
            P[j] = lr[j] * Pj + li[j] * Qj
            Q[j] = lr[j] * Qj - li[j] * Pj


@accumulate.register
def _accumulate(layer: LRU, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    I, H = layer.inputs, layer.hidden
    real, imag = tape + 8 * H, tape + (I + 11) * H  # of N, T and E
    p, q, minus_p = delta, delta + H, delta + 2 * H
    d, dBi = gradient[: (I + 3) * H].reshape(I + 3, H), gradient[(I + 3) * H :].reshape(I + 1, H)  # d: nu, th, Br, br
    add_scaled_columns(tapes, real, deltas, p, rows, d)  # (rows, I + 3, H) * (rows, 1, H) -> (I + 3, H)
    add_scaled_columns(tapes, imag, deltas, q, rows, d)
    add_scaled_columns(tapes, real + 2 * H, deltas, q, rows, dBi)  # (rows, I + 1, H) * (rows, 1, H) -> (I + 1, H)
    add_scaled_columns(tapes, imag + 2 * H, deltas, minus_p, rows, dBi)


@gates_of.register
def _gates_of(layer: LRU) -> tuple[Gate, ...]:
    return saturating_gates("y", Activation.TANH, 0, 2 * layer.hidden)
