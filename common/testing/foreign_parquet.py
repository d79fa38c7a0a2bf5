"""Small Parquet files of other writers, and types that pyarrow 12 cannot write."""

import base64
import zlib

# pyarrow 26.0.1: half float16, halves list<float16>, view string_view, views
# list_view<string_view>, small decimal32(3, 1), number int64; three rows.
NEW_TYPES = (
    b'c-oa!Pfrs;6rY`Lmxd66gxT!IhHQvzPzo&|q!J{V($X4>Qi4T@mu*>EbX%}36gYb{9z7U7g7Fjh0XX{sH1X`gqX!PYnV'
    b's#Hc7t)4|MTAO_j_+&$|l{KBQlAQNFEk6iV#{wNrK2I8I2KzjKEN$8b+%yk}94OyE}Kl62l0Eq!0#I_{$S45WwFcMhsw'
    b'Y_^+yp@L%=)afr=#k%SR|ER$tVhy?f67@LfiebzFL4vd;rKQ~I}ExXyPa0yS11=(qm<x_=SspDik4^AG(8Jo`8bOERnW'
    b'Wv`CsM3Wdo%O2yfpF*^>dD(63J2tE5Js5ijqm#MmLQ34F-SbK77{C<j*+o0)QI<@MLZuBO$FR`*c8bXtbbiZn$j#+?V3'
    b'e~5E%vqSd*)kbKqQq-6GZ$IGjR)F;Vg>>`K;T=djr#*fSrn9lK`NTik;TO#;B_q1~QD`KSvKX2)OzX6^Y42Z0)H)-1=F'
    b'9As{>S8Qf)GT1BilUm7cAXU+$x?`d!8P*q(GNQY}2|TFpB<N<$j0D%J9%EmL2|$oUj8^U|x`}0A=z>d%(79MoB%nvs4-'
    b'$0qvt+)Pf@`@S-&C-^j-d&TAx|>P4VQc+K{tP6^Ar9@`Szi!5A<&R0z2vEy<h%E3A%YHn?FO{CEX7TpiDNDjB+zI;_Gy'
    b'!`Z8?(k%J5T_GHTfQG8Vn`CWo;UMc2v`2VUqkcx{}zYVC08G!}qQEiBBZ9U&vb_-woCC6DyR#KGG0(IL{O4~G5q3e`Z='
    b'vsx}rNCf=ZPqA#!Y}+4+AiBQ8A6I?D1BCOEjyrWUQ5PL<8kg%<(C!TpSLWVO7&uEw^lr-9KX#_a>A6GbG*&%X%G#YOfE'
    b'w^R2d)Y1v9-U?W{LTES{97w=Lq?=uq<@(&@Os+gs-^Z6B}DVdYQzHOJXs;Qnt|>RxWb#LTxUg-#HiR0@);li1ry@bfma'
    b'f4J@O?Q)V-rAI#}ows(13;dX4_R~$q#~#wIp0c06j2E;Em917wxjm;0x{es%qt_l^`WC+9{cN$tj~m>+z~WxxA(d%bka'
    b'e628(c&#Fkax#?o!`{zduHracni-p4hFK^6~ME)o2{GjZ?ePJUpr!^Gmad**V>TAHtrFzJw9lgn!R}0d=KRv;'
)

# pyarrow 26.0.1: y int32 in BYTE_STREAM_SPLIT, user string; two rows.
SPLIT_INTEGERS = (
    b'c-nnXy=ucS5IzYZGGvM2gajJ2Sh(PXq|i)Wx_1Z}vnj!l3~gLFX=%njW1pf=(L0xdrwZ<l`?&81Z63EP1oY@@R9K)!?X'
    b'403U==kmP>r_PjGCk(j8S?-4j7mW19=UV*jtfCr+k^X?NPbr0j%y1$M!j)0+gk+;sbC>Q(gNum+<7-S2^$M2p**?b>Zj'
    b';2{bozi<9Qxgw9ix0wpwe+C^ZPb*7{P?$>0H+L>Ma6wN5`zyxNJ{U6tS38UhK22`O-`Ssdf=7+AEr<~94;jPX6>HHGz*'
    b'Nf$1<!TDg`M;?)^tV6kOeyj'
)

# pyarrow 26.0.1: y int32, user string and tags list<string> in DELTA_BYTE_ARRAY; three rows.
DELTAS = (
    b'c-oy(O-sW-5S`t`H9{#AnUIAX7HmT+ZLx(G54m{pRHS(Fnv|%8ewjq2H}UA%U*Opv;ZO1=cyczWwuR7xVRm+Qn0YU6XN'
    b'PB(9R#dmwTXfPfx>l61^|vp4s57zoGKM^oR-izV5>!aA%+^DoB{NC-44`!62)qMt){_jslsI%C93Nb=R1GEhVjHq4#yf'
    b'^N6m(gikrH``@zVXXswx9=o|(r4Q{r}*9?}S{g;N<QBGudM?!}OQ1}%9h6On^<)jCWNJh8OG(Z8!YusT=z!L4I7EyzNO'
    b'MpE(QhS0N#lY7I(=jLGBt@PV??;np8qLyGy)C3GeGgpZvL-+hC{ogXW@Mh_@0^)*QO}5j-w@IREmR|w2&pXd-^#!~8JY'
    b'LO{C^EFV<~GE`$`fIH@A3BGrgI{Uu{Hc*>9Z8`{w@6*=>MdNKbHiPQ%nf?AJY8couC?SBoINyN}Y=Xt8JoaXf!i4^f<q'
    b'=QGvqw@=y~>C;{22Jdu5Lwfx`!n%ox'
)

# DuckDB 2.0.1: y int32, user string, v VARIANT; one row.
VARIANT = (
    b'c-oCpQA)!=5S`t&G1ORE?JgV0M-UsLl#rBKtK>)N0gB&+k~S+ATa~s66g-J%@+5i(ads;u2nAu;%)B@6%}kQv?R~_6na'
    b'pZ4ih;olfU-pZ0JAEq72rx;!3m}{c3i*@L<w=C6&9-(7^6v%p^9iSQ6Q>knjpFlwcjp59HrUxDV>a0(?_{Tu!zwX2(oF'
    b'NqANz_Y$ca104yarGe(wsqScBs7jm7X$vROf6_q@hXHpqZak$>R%5<y|wBpou?2!i!c4c6rKck%T3m$l8EXvApdvov$S'
    b')&2A!_*#XZY8(0To0uk+C21nu^<T^)avIRl~3~Bz*-yfuJ;g&5_ZxT>UZ&ekL{M)AmAPEoy0x*x0e3a7T<za^!SbULH@'
    b'll|0JAxCjTbj`vd$?gF82u%hl}V+08pa7(}i=$!7D^?Wb4$DC)}V@Z26b0L24e=sd(f?gyk*Pp|'
)

# Spark 4.3.0, compression lz4: y int32, user string of 600,000 bytes; one row.
HADOOP_LZ4 = (
    b'c-rk(y^9k;6o0$qaC4+lZiZb67*?`(fpy4UKK2YL&Mpy)U@LOWCX+L``MBMU5<<Yz%1*GlSjn~a78dsxSXo(WD`Fuw@y'
    b'%vWPb@^Pbbqk(@p~Wh-V8k6c5dBu2oQ~2C9gj`KhEZf8gDg_$l$lJui%K}(`B1{Es{?!zdzG{Q<GY7<>2jh7Ptbd)#_u'
    b'1OF;JeDM~l5t=SYQQv9EImsEtb8l*^(R)eG(D0^u&_(#Cm-2oVvRYT9n?kt&zYS4t<=NH7qU3f`2d8&~Xg?QB=Czj;sl'
    b'Vw|m+ic~+2@f6~gxv>X$VmptBIwEtNDk-BG!#J*?&Q&$sz%<hEx^{(C~BCpG9#N*rFGh}wC4H()+2?Tb2~hi$o5r*CW='
    b'l=WQ%^Y2m|RUxAqht6FYmeY||6V>NL+;#jyf?Um^wiYMUIZK);}xYH9SdwT1p|T^|RBj88Zw!Qy<_BN2py@krmOvI;AM'
    b'Uiw2LJn|VXj;11F!T2#7iir1k#Pt`-+>B-uVK&S#3Z~u2w9WoN_`T3<+?$&tK9r&vvWeDU6p2F-ATgTyKKFbi``izOZJ'
    b's$b8}r4&{%I`p{bi4*3`U24HNU?A{dN-ZjbTtoQY<*kaap;r<4p&Cuh8e+a@VcaYn5H$R4ShEZtm`Jw_oS3sJULvDSK7'
    b'd<xa`4@m1x+UQz)%_#5&AznT5;'
)

# A string's converted and logical type as Thrift writes them behind its name, and those of others.
_STRING = b"\x25\x00\x4c\x1c\x00\x00"
ANNOTATIONS = {
    "JSON": b"\x25\x26\x4c\xcc\x00\x00",
    "BSON": b"\x25\x28\x4c\xdc\x00\x00",
    "ENUM": b"\x25\x08\x4c\x4c\x00\x00",
}


def write(path: str, packed: bytes) -> str:
    """Writes one of the files above; returns the path."""
    with open(path, "wb") as file:
        file.write(zlib.decompress(base64.b85decode(packed)))
    return path


def annotate(path: str, column: str, name: str) -> str:
    """Makes the strings of a column JSON, BSON or ENUM in a file's footer; returns the path."""
    described = bytes([len(column)]) + column.encode()
    with open(path, "rb") as file:
        content = file.read()
    assert content.count(described + _STRING) == 1
    with open(path, "wb") as file:
        file.write(content.replace(described + _STRING, described + ANNOTATIONS[name]))
    return path
